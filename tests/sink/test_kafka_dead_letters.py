from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.sink.bus_loader import BusLoader
from pipeline.sink.events import encode
from pipeline.sink.kafka_dead_letters import Resent, resend
from pipeline.sink.kafka_source import ORIGIN_HEADER, REASON_HEADER, KafkaSource
from pipeline.sink.store import EmbeddedStore
from tests.kafka_broker import Broker
from tests.sink.events import BusMessage, counts, crossing, minutes
from tests.sink.kafka_topic import address_of, everything, until

EVENTS = [*minutes(range(15)), crossing(3), crossing(70)]
BROKEN = b'{"v": 99, "kind": "crossing"}'


def test_after_a_mend_dead_letters_are_counted_once(broker: Broker, tmp_path: Path) -> None:
    address = address_of(broker, "mended")
    with KafkaSource(address, "loaders") as source, EmbeddedStore(tmp_path / "store") as store:
        source.poll(0, 0)
        for number, event in enumerate([*EVENTS, EVENTS[-1]]):
            # As a loader put them aside that was older than they are.
            source.reject(BusMessage(0, number, event.camera.encode(), encode(event)), "event version 2 is not 1")
        source.reject(BusMessage(0, 90, b"a", BROKEN), "no such version")
        source.flush_rejected()

        first = resend(address)
        assert first.sent == len(EVENTS) + 1
        assert list(first.kept.values()) == [1]
        loader = BusLoader(source, store, max_wait_s=0.1)

        def loaded() -> bool:
            loader.step(0.0 if not loader.stats.waiting else 1e9)
            return loader.stats.loaded >= first.sent

        until(loaded)
        assert counts(store) == [(0, 2, 900.0, "complete")]
        assert loader.stats.rejected == 0

    # What was sent is dealt with; what cannot be read is offered again, with what was said of it.
    assert resend(address) == Resent(0, first.kept)
    letter = everything(broker, address.dead_letter_topic)[-1]
    assert (letter.key, letter.value) == (b"a", BROKEN)
    assert dict(letter.headers) == {REASON_HEADER: b"no such version", ORIGIN_HEADER: b"mended.events/0/90"}


def test_resend_says_what_it_did(broker: Broker, capsys: pytest.CaptureFixture[str]) -> None:
    address = address_of(broker, "told")
    bus = ["resend", "--bus", f"kafka://{broker.address}/told"]
    assert main(bus) == 0
    assert capsys.readouterr().out == "0 dead letters were sent again\n"
    with KafkaSource(address, "loaders") as source:
        source.poll(0, 0)
        source.reject(BusMessage(0, 0, b"a", encode(EVENTS[0])), "mended meanwhile")
        source.reject(BusMessage(0, 1, b"a", BROKEN), "no such version")
        source.flush_rejected()
    assert main(bus) == 1
    said = capsys.readouterr()
    assert said.out == "1 dead letters were sent again\n"
    assert said.err.startswith("1 stay dead letters: event version 99 is not")
