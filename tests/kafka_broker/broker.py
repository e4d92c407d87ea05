"""One real Kafka broker (KRaft, broker and controller in one process) that a test can kill and start again."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import IO, Final

from tests.kafka_broker.jars import classpath, java

USER: Final = "simpang"
PASSWORD: Final = "a+secret/with:signs"
KEYSTORE_PASSWORD: Final = "keystore"

START_TIMEOUT_S: Final = 240.0
JVM: Final = (
    "-Xms128m",
    "-Xmx320m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)
"""A small heap and the first compiler only: the broker lives for a minute, and two cores are shared with the tests."""

PROPERTIES: Final = """
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{plain},SASL_SSL://127.0.0.1:{secure},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}="{password}";
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.location={keystore}
ssl.keystore.password={keystore_password}
log.dirs={data}
num.network.threads=2
num.io.threads=2
num.recovery.threads.per.data.dir=1
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.dedupe.buffer.size=2000000
log.cleaner.threads=1
controlled.shutdown.enable=false
"""


class Broker:
    """A broker on free ports of 127.0.0.1 with its data in `directory`; `kill` and `start` keep ports and data."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._java, self._classpath = java(), classpath()
        self.plain_port, self.secure_port, controller_port = free_ports(3)
        self.ca_file = directory / "ca.pem"
        """The certificate that clients of the SASL_SSL listener must trust."""
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        keystore = directory / "broker.p12"
        self._make_certificate(keystore)
        self._properties = directory / "server.properties"
        self._properties.write_text(
            PROPERTIES.format(
                plain=self.plain_port,
                secure=self.secure_port,
                controller=controller_port,
                user=USER,
                password=PASSWORD,
                keystore=keystore,
                keystore_password=KEYSTORE_PASSWORD,
                data=self.data,
            )
        )
        scram = [
            f"--add-scram={mechanism}=[name={USER},password={PASSWORD}]"
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
        ]
        self._run("kafka.tools.StorageTool", "format", "-t", "c2ltcGFuZy10ZXN0cy0wMQ", "-c", str(self._properties),
                  "--standalone", *scram)  # fmt: skip

    @property
    def address(self) -> str:
        """host:port of the listener without TLS."""
        return f"127.0.0.1:{self.plain_port}"

    @property
    def secure_address(self) -> str:
        """host:port of the listener with TLS and SASL (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512)."""
        return f"127.0.0.1:{self.secure_port}"

    @property
    def data(self) -> Path:
        """Where it keeps the topics' partitions."""
        return self._directory / "data"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        if self.running:
            return
        log = self._log()
        self._process = subprocess.Popen(
            [*_dies_with_us(), *self._command(), "kafka.Kafka", str(self._properties)], stdout=log, stderr=log
        )
        log.close()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not all(map(_accepts, (self.plain_port, self.secure_port))):
            if not self.running or time.monotonic() > deadline:
                status = "its time is up" if self.running else "it ended"
                self.kill()
                raise RuntimeError(f"the Kafka broker did not start ({status}):\n{self.log()[-3000:]}")
            time.sleep(0.1)

    def kill(self) -> None:
        """Take it away as a power cut would (SIGKILL)."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Let it hang: connections stay open and nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """End a `pause`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def log(self) -> str:
        """What it said so far."""
        return (self._directory / "broker.log").read_text(errors="replace")

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(how)
            self._process.wait()
            self._process = None

    def _command(self) -> list[str]:
        return [self._java, *JVM, "-cp", self._classpath]

    def _run(self, main: str, *arguments: str) -> None:
        subprocess.run([*self._command(), main, *arguments], capture_output=True, check=True)

    def _log(self) -> IO[bytes]:
        return (self._directory / "broker.log").open("ab")

    def _make_certificate(self, keystore: Path) -> None:
        keytool = str(Path(self._java).resolve().parent / "keytool")
        store = ("-keystore", str(keystore), "-storepass", KEYSTORE_PASSWORD, "-alias", "broker")
        subprocess.run(
            [keytool, "-genkeypair", "-keyalg", "EC", "-groupname", "secp256r1", "-validity", "3650",
             "-dname", "CN=localhost", "-ext", "SAN=ip:127.0.0.1,dns:localhost", "-ext", "BC=ca:true",
             "-storetype", "PKCS12", *store],
            capture_output=True, check=True,
        )  # fmt: skip
        with self.ca_file.open("wb") as file:
            subprocess.run([keytool, "-exportcert", "-rfc", *store], stdout=file, stderr=subprocess.DEVNULL, check=True)


def _dies_with_us() -> list[str]:
    """A prefix with which the kernel ends the broker when the tests are killed."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
