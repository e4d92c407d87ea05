"""Real parts (a broker, a database engine, a browser) that a test needs and a machine may lack.

`SIMPANG_REQUIRE=kafka,clickhouse,...` names the parts that must be there: a test that would be skipped for lack of one
then fails. CI sets it for everything that can be had, so that a part that stops starting is noticed.
"""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


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
