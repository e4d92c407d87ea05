import pytest

from pipeline.types import CountingLine, event_id


def test_event_id_is_the_same_for_the_same_parts_and_differs_when_parts_are_split_elsewhere() -> None:
    assert event_id("cam", "U-in", 5) == event_id("cam", "U-in", 5)
    assert event_id("cam", "U-in", 5) != event_id("camU-in", "", 5)


def test_a_line_of_zero_length_is_refused() -> None:
    with pytest.raises(ValueError, match="zero length"):
        CountingLine("a", (3, 4), (3, 4))
