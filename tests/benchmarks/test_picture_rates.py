import numpy as np
import pytest
import supervision as sv

from benchmarks.picture_rates import Seen, count_at, rows_for
from pipeline.report.accuracy_truth import FrameRange, TrueCount, Truth, TruthClip, TruthLine, Window
from pipeline.types import NS_PER_S, VEHICLE_CLASSES, CountingLine

LINE = CountingLine("mid", (100, 100), (100, 0))
FPS, FRAMES = 25, 50


def car_at(frame: int) -> sv.Detections:
    x = 20 + 4 * frame
    box, kind = np.array([[x - 20, 30, x + 20, 70]], np.float32), np.array([VEHICLE_CLASSES.index("motorcycle")])
    return sv.Detections(box, confidence=np.array([0.9], np.float32), class_id=kind)


SEEN = [Seen("a", (LINE,), [(i, i * NS_PER_S // FPS, 0, car_at(i)) for i in range(FRAMES)], FRAMES)]
TRUTH = Truth(
    (
        TruthClip(
            "a",
            (200, 100),
            (TruthLine(LINE, (TrueCount("forward", "motorcycle", 1),), (Window(FrameRange(15, 25), (0,)),), ()),),
        ),
    )
)


@pytest.mark.parametrize(("fps", "start", "share"), [(None, 0, 1.0), (12.5, 0, 0.5), (12.5, 2, 0.48), (5.0, 0, 0.2)])
def test_a_share_of_the_pictures_is_counted_from_the_given_one_on(fps: float | None, start: int, share: float) -> None:
    report, looked_at = count_at(TRUTH, SEEN, fps, start)
    assert looked_at == share
    assert (report.overall.hits, report.overall.false) == (1, 0)


def test_each_rate_is_the_mean_over_its_first_pictures() -> None:
    rows = rows_for("clip", TRUTH, SEEN, [12.5])
    assert [row.rate for row in rows] == ["all", "12.5"]
    assert rows[0].looked_at == 1
    assert rows[1].looked_at == pytest.approx((0.5 + 0.5 + 0.48 + 0.48) / 4, abs=0.011)
    assert {row.motorcycle_wape for row in rows} == {0}
