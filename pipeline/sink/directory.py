"""The directory of a store: told from any other, and held by one opener at a time."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO, Final

from pipeline.errors import InputError, StorageError, StoreBusyError

LOCK_NAME: Final = "simpang.lock"
"""Held while a store is open; its presence also tells a store from any other directory.

The engine has a lock of its own, but prints to stderr when it finds it held.
"""


def locked_directory(path: Path, *, create: bool) -> IO[str]:
    """Make `path` a store's directory that is ours alone until the returned file is closed.

    Raises InputError where it cannot be one (or does not exist yet, without `create`), StoreBusyError where it is held,
    StorageError where the machine does not let us.
    """
    if path.exists() and not path.is_dir():
        raise InputError(f"{path} is a file, not a store; name a directory")
    if not path.exists() and not create:
        raise InputError(f"there is no store at {path}; count footage into it first, or name another directory")
    if "?" in str(path):
        raise InputError(f"the path of the store {path} holds a question mark, which it cannot; name another directory")
    lock_path = path / LOCK_NAME
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not lock_path.exists() and any(path.iterdir()):
            raise InputError(f"{path} is not a store and is not empty; name a new or an empty directory")
        if not lock_path.exists() and not create:
            raise InputError(f"{path} is not a store but an empty directory; name the store's directory")
        lock = lock_path.open("a", encoding="utf-8")
    except NotADirectoryError as error:
        raise InputError(f"{path} cannot be a store: part of its path is a file; name another directory") from error
    except OSError as error:
        raise StorageError(
            f"cannot use {path} as a store: {error.strerror}; choose another place or its permissions"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise StoreBusyError(
            f"the store {path} is open in another process; close that one first, or name another directory"
        ) from error
    return lock
