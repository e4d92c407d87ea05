"""Test scaffolding: the current ClickHouse engine (chDB) behind ClickHouse's native protocol.

No current ClickHouse server can be installed from a package registry, so the driver's whole path (hello, settings,
parameters, blocks both ways, errors) is tested against this: it speaks the protocol with clickhouse-driver's own block
code and gives every statement to the embedded engine. It is no server: one query at a time, no accounts, no TLS.

    python -m tests.clickhouse_bridge DIRECTORY        prints the port it listens on

With `--password WORD` any other password is refused.
"""

from __future__ import annotations

import argparse
import io
import re
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import chdb
from clickhouse_driver import defines
from clickhouse_driver.block import ColumnOrientedBlock
from clickhouse_driver.bufferedreader import BufferedSocketReader, CompressedBufferedReader
from clickhouse_driver.bufferedwriter import BufferedSocketWriter, CompressedBufferedWriter
from clickhouse_driver.columns import datetimecolumn
from clickhouse_driver.protocol import ClientPacketTypes, ServerPacketTypes
from clickhouse_driver.reader import read_binary_str, read_binary_uint8, read_binary_uint64
from clickhouse_driver.streams.native import BlockInputStream, BlockOutputStream
from clickhouse_driver.varint import read_varint, write_varint
from clickhouse_driver.writer import write_binary_int32, write_binary_str, write_binary_uint8, write_binary_uint64

REVISION = defines.CLIENT_REVISION
AUTHENTICATION_FAILED = 516
_INSERT_OF_BLOCKS = re.compile(r"\s*(INSERT\s+INTO\s+(\S+)\s*\((.*?)\))\s*VALUES\s*$", re.IGNORECASE | re.DOTALL)


def read_instants_as_integers() -> None:
    """Instants stay integers of the column's own unit: as `datetime` they would lose their nanoseconds."""
    for column in (datetimecolumn.DateTimeColumn, datetimecolumn.DateTime64Column):
        column.after_read_items = lambda self, items, nulls_map=None: (
            tuple(items) if nulls_map is None else tuple(None if null else items[i] for i, null in enumerate(nulls_map))
        )


def context(revision: int) -> Any:
    """What clickhouse-driver's block code asks of a connection."""
    info = SimpleNamespace(used_revision=revision, get_timezone=lambda: "UTC")
    settings = {"use_numpy": False, "use_arrow": False, "strings_as_bytes": False, "strings_encoding": "utf-8"}
    return SimpleNamespace(server_info=info, client_settings=settings, settings={"use_client_time_zone": True})


def writable(block: Any) -> ColumnOrientedBlock:
    """A block that was read, with lists for columns: the block code changes them in place when it writes."""
    return ColumnOrientedBlock(block.columns_with_types, [list(column) for column in block.get_columns()])


class Session:
    """One client's connection."""

    def __init__(self, engine: Engine, client: socket.socket, password: str | None) -> None:
        self._engine = engine
        self._socket = client
        self._password = password
        self._in = BufferedSocketReader(client, defines.BUFFER_SIZE)
        self._out = BufferedSocketWriter(client, defines.BUFFER_SIZE)
        self._wire = context(REVISION)
        self._database = ""

    def serve(self) -> None:
        """Answer until the client hangs up."""
        try:
            if not self._hello():
                return
            while True:
                packet = read_varint(self._in)
                if packet == ClientPacketTypes.PING:
                    write_varint(ServerPacketTypes.PONG, self._out)
                elif packet == ClientPacketTypes.QUERY:
                    self._query()
                self._out.flush()
        except (EOFError, OSError):
            pass
        finally:
            self._socket.close()

    def _hello(self) -> bool:
        read_varint(self._in)
        read_binary_str(self._in)
        for _ in range(3):
            read_varint(self._in)
        self._database = read_binary_str(self._in)
        read_binary_str(self._in)
        password = read_binary_str(self._in)
        if self._password is not None and password != self._password:
            self._exception(AUTHENTICATION_FAILED, "Authentication failed: password is incorrect")
            self._out.flush()
            return False
        major, minor, patch = (int(part) for part in self._engine.version.split(".")[:3])
        write_varint(ServerPacketTypes.HELLO, self._out)
        write_binary_str("ClickHouse", self._out)
        for number in (major, minor, REVISION):
            write_varint(number, self._out)
        write_binary_str("UTC", self._out)
        write_binary_str("bridge", self._out)
        write_varint(patch, self._out)
        write_varint(0, self._out)  # rules for passwords
        write_binary_uint64(0, self._out)  # nonce
        self._out.flush()
        read_binary_str(self._in)  # addendum: quota key
        return True

    def _query(self) -> None:
        read_binary_str(self._in)
        self._client_info()
        settings = self._settings()
        read_binary_str(self._in)  # interserver secret
        read_varint(self._in)  # stage
        read_varint(self._in)  # compression, which the store does not use
        sql = read_binary_str(self._in)
        parameters = self._settings()
        self._block()  # end of external tables
        try:
            insert = _INSERT_OF_BLOCKS.match(sql)
            if insert is not None:
                self._insert(insert[1], insert[2], insert[3], settings)
            else:
                blocks = self._engine.run(sql, self._database, settings, parameters)
                if not blocks and re.match(r"\s*(SELECT|WITH)\b", sql, re.IGNORECASE):
                    # A server answers with the columns first; the engine, with no rows, answers with nothing.
                    (described,) = self._engine.run(f"DESCRIBE ({sql})", self._database, settings, parameters)
                    blocks = [ColumnOrientedBlock(list(zip(*described.get_columns()[:2], strict=True)))]
                for block in blocks:
                    self._send(block)
            write_varint(ServerPacketTypes.END_OF_STREAM, self._out)
        except (RuntimeError, chdb.ChdbError) as error:
            code = re.search(r"Code: (\d+)", str(error))
            self._exception(int(code[1]) if code else 1000, re.sub(r"^.*?DB::Exception: ", "", str(error)))

    def _client_info(self) -> None:
        """Skip it, in the order in which clickhouse-driver's `ClientInfo.write` writes it."""
        read_binary_uint8(self._in)
        for _ in range(3):
            read_binary_str(self._in)
        read_binary_uint64(self._in)
        read_binary_uint8(self._in)
        for _ in range(3):
            read_binary_str(self._in)
        for _ in range(3):
            read_varint(self._in)
        read_binary_str(self._in)
        for _ in range(2):
            read_varint(self._in)
        read_binary_uint8(self._in)
        for _ in range(3):
            read_varint(self._in)

    def _settings(self) -> dict[str, str]:
        found = {}
        while name := read_binary_str(self._in):
            read_binary_uint8(self._in)
            found[name] = read_binary_str(self._in)
        return found

    def _block(self) -> Any:
        if read_varint(self._in) != ClientPacketTypes.DATA:
            raise EOFError
        read_binary_str(self._in)
        return BlockInputStream(self._in, self._wire).read()

    def _insert(self, head: str, table: str, names: str, settings: dict[str, str]) -> None:
        columns = self._engine.columns(table, names, self._database)
        self._send(ColumnOrientedBlock(columns, []))
        self._out.flush()
        content = io.BytesIO()
        # The writer that hands its bytes to something other than a socket; nothing is compressed.
        writer = CompressedBufferedWriter(content, defines.BUFFER_SIZE)
        while (block := self._block()).num_columns:
            BlockOutputStream(writer, context(0)).write(writable(block))
            self._send_profile()
            self._out.flush()
        self._send_profile()
        self._engine.insert(head, content.getvalue(), self._database, settings)

    def _send(self, block: Any) -> None:
        write_varint(ServerPacketTypes.DATA, self._out)
        write_binary_str("", self._out)
        if block.get_columns():
            BlockOutputStream(self._out, self._wire).write(writable(block))
            return
        # A header: names and types only. The block code would write the prefix of LowCardinality, which nobody reads.
        block.info.write(self._out)
        write_varint(len(block.columns_with_types), self._out)
        write_varint(0, self._out)
        for name, type_ in block.columns_with_types:
            write_binary_str(name, self._out)
            write_binary_str(type_, self._out)
            write_binary_uint8(0, self._out)

    def _send_profile(self) -> None:
        """The (empty) profile events that follow every block of an insert."""
        write_varint(ServerPacketTypes.PROFILE_EVENTS, self._out)
        write_binary_str("", self._out)
        BlockOutputStream(self._out, self._wire).write(ColumnOrientedBlock())

    def _exception(self, code: int, message: str) -> None:
        write_varint(ServerPacketTypes.EXCEPTION, self._out)
        write_binary_int32(code, self._out)
        for text in ("DB::Exception", message, ""):
            write_binary_str(text, self._out)
        write_binary_uint8(0, self._out)


class Engine:
    """chDB, one statement at a time, each with a connection of its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        # Kept open: the engine would shut down with its last connection.
        self._keep = chdb.connect(str(directory))
        self.version = self._keep.query("SELECT version()", "TSV").bytes().decode().strip()

    def run(self, sql: str, database: str, settings: dict[str, str], parameters: dict[str, str]) -> list[Any]:
        """The blocks that `sql` answers; raises what the engine raises."""
        with self._lock:
            connection = chdb.connect(str(self._directory))
            try:
                if database:
                    connection.query(f"USE {database}")
                for name, value in parameters.items():
                    connection.query(f"SET param_{name} = {value}")
                # `readonly` last: it would forbid the others.
                for name, value in sorted(settings.items(), key=lambda item: item[0] == "readonly"):
                    connection.query(f"SET {name} = '{value}'")
                content = connection.query(sql, "Native").bytes()
            finally:
                connection.close()
        blocks, file = [], io.BytesIO(content)
        reader = CompressedBufferedReader(lambda: file.read(defines.BUFFER_SIZE), defines.BUFFER_SIZE)
        while content:
            try:
                blocks.append(BlockInputStream(reader, context(0)).read())
            except EOFError:
                break
        return blocks

    def columns(self, table: str, names: str, database: str) -> list[tuple[str, str]]:
        """Names and types of the columns that an insert fills."""
        (described,) = self.run(f"DESCRIBE (SELECT {names} FROM {table})", database, {}, {})
        return list(zip(*described.get_columns()[:2], strict=True))

    def insert(self, head: str, content: bytes, database: str, settings: dict[str, str]) -> None:
        """Insert blocks in the Native format."""
        with tempfile.NamedTemporaryFile(suffix=".native") as file:
            file.write(content)
            file.flush()
            self.run(f"{head} SELECT * FROM file('{file.name}', 'Native')", database, settings, {})


@contextmanager
def running_bridge(directory: Path, *, password: str | None = None) -> Iterator[str]:
    """The address `127.0.0.1:PORT` of a bridge in a process of its own, over the engine's data in `directory`."""
    command = [sys.executable, "-m", "tests.clickhouse_bridge", str(directory)]
    command += [] if password is None else ["--password", password]
    root = Path(__file__).parents[1]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            assert port, "the bridge did not start"
            yield f"127.0.0.1:{port}"
        finally:
            process.kill()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--password")
    args = parser.parse_args()
    read_instants_as_integers()
    engine = Engine(args.directory)
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            client, _ = server.accept()
            threading.Thread(target=Session(engine, client, args.password).serve, daemon=True).start()


if __name__ == "__main__":
    main()
