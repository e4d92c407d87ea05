"""Real parts (a broker, a database engine, a browser) that a test needs and a machine may lack.

`SIMPANG_REQUIRE=kafka,clickhouse,...` names the parts that must be there: a test that would be skipped for lack of one
then fails. CI sets it for everything that can be had, so that a part that stops starting is noticed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from typing import Final, NoReturn

import pytest

INSTALLING_S: Final = 600


def missing(part: str, reason: str) -> NoReturn:
    """Skip the running test because `part` cannot be had, or fail it where `SIMPANG_REQUIRE` names the part.

    Args:
        part: the name as in `SIMPANG_REQUIRE`, for example `kafka`.
        reason: why it cannot be had and how to mend that, in one sentence.
    """
    required = {name.strip() for name in os.environ.get("SIMPANG_REQUIRE", "").split(",")}
    if part in required:
        pytest.fail(f"{part} is required by SIMPANG_REQUIRE: {reason}", pytrace=False)
    pytest.skip(f"needs {part}: {reason}")


def programs(part: str, names: Sequence[str], packages: Sequence[str]) -> list[str]:
    """The paths of programs, installed from Debian's `packages` where they are not there and this may be done.

    The test is skipped, or fails, as by `missing` where they cannot be had.
    """
    if not all(map(shutil.which, names)) and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
            subprocess.run(["apt-get", "-qq", *command], capture_output=True, timeout=INSTALLING_S, check=False)
    found = [path for path in map(shutil.which, names) if path]
    if len(found) < len(names):
        missing(part, f"install Debian's {' and '.join(packages)}")
    return found
