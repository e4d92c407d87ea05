import numpy as np
import supervision as sv

from pipeline.sink.annotated_video import REGION_COLOR, CountPainter
from pipeline.types import CountingLine, Region

SIZE = (320, 180)
LINE = CountingLine("mid", (100, 90), (220, 90))
BLACK = np.zeros((180, 320, 3), np.uint8)


def test_the_region_in_which_vehicles_are_looked_for_is_outlined() -> None:
    region = Region(40, 30, 200, 120)
    scene = CountPainter([LINE], SIZE, region=region).draw(BLACK, sv.Detections.empty(), [])
    for x, y in ((40, 60), (239, 60), (60, 30), (60, 149)):
        assert tuple(scene[y, x]) == REGION_COLOR
    assert not scene[60, 20].any() and not scene[170, 60].any()


def test_a_region_that_is_the_whole_picture_is_not_outlined() -> None:
    outlined = CountPainter([LINE], SIZE, region=Region.whole(SIZE)).draw(BLACK, sv.Detections.empty(), [])
    plain = CountPainter([LINE], SIZE).draw(BLACK, sv.Detections.empty(), [])
    np.testing.assert_array_equal(outlined, plain)
