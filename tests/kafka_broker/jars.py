"""Apache Kafka's jars: resolved once by Maven into a cache that git ignores."""

from __future__ import annotations

import fcntl
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.real_parts import missing

POM: Final = Path(__file__).parent / "pom.xml"
VERSION: Final = re.findall(r"<artifactId>kafka_2.13</artifactId>\s*<version>([^<]+)", POM.read_text())[0]
CACHE: Final = Path(__file__).parents[2] / ".cache" / f"kafka-{VERSION}"

LEAST_JAVA: Final = 17
RESOLVE_TIMEOUT_S: Final = 600


def java() -> str:
    """The Java command; skips (or fails, see `tests.real_parts`) where there is none that the broker can run on."""
    command = shutil.which("java")
    if command is None:
        missing("kafka", f"there is no java; install a Java {LEAST_JAVA} runtime, for example openjdk-17-jre-headless")
    told = subprocess.run([command, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', told)
    if found is None or int(found[1]) < LEAST_JAVA:
        first = told.partition("\n")[0]
        missing(
            "kafka", f"Kafka {VERSION} needs Java {LEAST_JAVA} or later and `java` is {first!r}; install a newer one"
        )
    return command


def classpath() -> str:
    """Where the jars are, for `java -cp`; resolves them where they are not there yet."""
    CACHE.parent.mkdir(exist_ok=True)
    with (CACHE.parent / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs on one checkout
        if not CACHE.exists():
            _resolve()
    return str(CACHE / "*")


def _resolve() -> None:
    maven = shutil.which("mvn")
    if maven is None:
        missing("kafka", "there is no mvn to fetch Kafka's jars with; install maven")
    partial = CACHE.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = [maven, "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={partial}"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=RESOLVE_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        missing("kafka", f"Maven did not resolve Kafka {VERSION} within {RESOLVE_TIMEOUT_S} s; run the tests again")
    if result.returncode != 0 or not list(partial.glob("kafka_2.13-*.jar")):
        errors = [line for line in result.stdout.splitlines() if "ERROR" in line]
        missing("kafka", f"Maven could not resolve Kafka {VERSION}: {errors[0] if errors else result.stdout[-300:]}")
    partial.rename(CACHE)
