from __future__ import annotations

import threading

from pipeline.runtime.loader_service import inserting_beside


def test_inserts_begin_one_after_the_other_beside_the_caller_and_end_with_the_block() -> None:
    go_on = threading.Event()
    ended: list[str] = []

    def insert(name: str) -> dict[int, str]:
        assert go_on.wait(60)
        ended.append(f"{name} {threading.current_thread() is threading.main_thread()}")
        return {1: name}

    with inserting_beside() as begin:
        first, second = begin(lambda: insert("first")), begin(lambda: insert("second"))
        assert not first.done()
        go_on.set()
        assert first.result() == {1: "first"}
    assert second.done()
    assert ended == ["first False", "second False"]
