"""The dashboard: a web page over the store's views, its JSON interface, and the line editor."""
