from pipeline.report.turns import APPROACHES, turn_between


def test_who_comes_from_the_north_has_the_east_on_the_left() -> None:
    assert [turn_between("U", exit_) for exit_ in ("T", "S", "B", "U")] == ["BKi", "LRS", "BKa", "PB"]


def test_who_comes_from_the_west_has_the_north_on_the_left() -> None:
    assert [turn_between("B", exit_) for exit_ in ("U", "T", "S", "B")] == ["BKi", "LRS", "BKa", "PB"]


def test_straight_on_goes_both_ways_and_left_one_way_is_right_the_other() -> None:
    for entry in APPROACHES:
        for exit_ in APPROACHES:
            there, back = turn_between(entry, exit_), turn_between(exit_, entry)
            assert back == {"BKi": "BKa", "BKa": "BKi"}.get(there, there)
