from pipeline.runtime.detail import FULL_DETAIL, IDLE_FOR_S, LASTING, LESS_DETAIL, SETTLING_S, DetailGovernor

PERIOD_S = 2.0


def settled_at_less() -> tuple[DetailGovernor, float]:
    governor = DetailGovernor()
    for _ in range(LASTING):
        governor.step(100, 5, 1.0, 0.0)
    assert governor.detail == LESS_DETAIL
    return governor, SETTLING_S


def test_frames_are_looked_at_less_closely_before_their_rate_is_lowered() -> None:
    governor = DetailGovernor()
    assert not governor.step(100, 1, 1.0, 0.0)
    assert governor.detail == FULL_DETAIL
    assert all(governor.step(100, 2, 1.0, period * PERIOD_S) for period in range(LASTING))
    assert governor.detail == LESS_DETAIL


def test_a_moment_in_which_a_network_is_compiled_changes_nothing() -> None:
    governor = DetailGovernor()
    for _ in range(4):
        assert governor.step(100, 60, 1.0, 0.0)
        assert not governor.step(100, 0, 0.5, 0.0)
    assert governor.detail == FULL_DETAIL


def test_what_is_dropped_while_networks_are_compiled_does_not_lower_the_rate() -> None:
    governor, _ = settled_at_less()
    assert governor.step(100, 50, 1.0, SETTLING_S - 1)
    assert not governor.step(100, 50, 1.0, SETTLING_S)
    assert governor.detail == LESS_DETAIL


def test_full_detail_comes_back_only_after_a_long_spell_of_idleness() -> None:
    governor, now_s = settled_at_less()
    while now_s < SETTLING_S + IDLE_FOR_S:
        assert not governor.step(100, 0, 0.2, now_s)
        now_s += PERIOD_S
    assert governor.step(100, 0, 0.2, now_s)
    assert governor.detail == FULL_DETAIL


def test_a_busy_moment_begins_the_spell_anew() -> None:
    governor, now_s = settled_at_less()
    governor.step(100, 0, 0.2, now_s)
    governor.step(100, 0, 0.9, now_s + IDLE_FOR_S - 1)
    assert not governor.step(100, 0, 0.2, now_s + IDLE_FOR_S + 1)
    assert governor.detail == LESS_DETAIL
