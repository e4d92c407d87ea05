import pytest

from pipeline.report.pdf_chart import axis_end


@pytest.mark.parametrize(
    ("highest", "axis"),
    [(0, 4), (3, 4), (42, 48), (46, 48), (79, 80), (100, 100), (101, 120), (2001, 2400)],
)
def test_an_axis_ends_at_a_number_that_divides_into_round_quarters(highest: int, axis: int) -> None:
    assert axis_end(highest) == pytest.approx(axis)
