"""What each `simpang` sub-command does; `pipeline.__main__` reads the arguments and calls one of them."""
