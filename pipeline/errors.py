"""Every error Simpang raises on purpose.

    PipelineError            something went wrong and the message says what, where and how to mend it
    ├── InputError           the user's input is wrong: a path, a line, a URL, a config key, SQL (exit 2)
    │   └── StoreBusyError   another process holds the store
    ├── FeedError            a live camera gives no pictures, for now; `state` says how (never ends a command by itself)
    ├── BusError             the message bus cannot be reached or does not do its part, for now (exit 1)
    └── StorageError         the machine would not keep what it was given: a full disk, no permission (exit 1)

The message is one sentence that can be shown to a user as it is: it names the value, the limit and the mend, and never
holds a secret. A failure of any other type is a bug of ours.
"""


class PipelineError(Exception):
    """Root of Simpang's own errors; `exit_status` is what the command ends with."""

    exit_status = 1


class InputError(PipelineError):
    """What the user gave cannot be used; the message says how to mend it."""

    exit_status = 2


class StoreBusyError(InputError):
    """The embedded store is open in another process."""


class StorageError(PipelineError):
    """Results could not be written down (disk full, no permission)."""


class FeedError(PipelineError):
    """A live camera cannot be reached, or its stream has ended; trying again later may help.

    `state` is one word for tables and metrics: `refused`, `unauthorised`, `missing`, `unreachable`, `stalled`, `ended`,
    `damaged` or `failed`.
    """

    def __init__(self, state: str, message: str) -> None:
        super().__init__(message)
        self.state = state


class BusError(PipelineError):
    """The message bus cannot be reached or did not take what it was given; trying again later may help."""
