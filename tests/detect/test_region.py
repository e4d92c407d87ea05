from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import supervision as sv

from pipeline.count import CameraCounter
from pipeline.detect.protocol import ModelInfo
from pipeline.detect.region import MARGIN, cropped, detect_in, region_of
from pipeline.source.simulated import Scenario, SimulatedJunction
from pipeline.types import CountingLine, Image, Pixels, Region
from tests.detect.regions import seen_in

PICTURE = (1280, 720)
SOUTH = CountingLine("south", (401, 501), (899, 520))


def test_the_region_holds_the_lines_and_the_margin_on_every_side() -> None:
    region = region_of((SOUTH,), PICTURE)
    margin = MARGIN * 1280
    assert region.x <= 401 - margin < region.x + 2
    assert region.y <= 501 - margin < region.y + 2
    assert region.x + region.width - 2 < 899 + margin <= region.x + region.width
    assert region.y + region.height - 2 < 520 + margin <= region.y + region.height
    assert [side % 2 for side in (region.x, region.y, *region.size)] == [0] * 4


def test_the_region_of_several_lines_holds_the_way_between_them() -> None:
    north = replace(SOUTH, name="north", start=(500.0, 300.0), end=(700.0, 300.0))
    both, one = region_of((SOUTH, north), PICTURE), region_of((SOUTH,), PICTURE)
    assert (both.x, both.y + both.height) == (one.x, one.y + one.height)
    assert both.y == 108


@pytest.mark.parametrize("size", [(1280, 720), (641, 479), (180, 320)])
def test_the_region_ends_at_the_pictures_edges(size: tuple[int, int]) -> None:
    corner = CountingLine("corner", (size[0] * 0.8, size[1] - 1.0), (size[0] - 1.0, size[1] * 0.8))
    region = region_of((corner,), size)
    assert (region.x + region.width, region.y + region.height) == size
    assert region.x % 2 == region.y % 2 == 0 < region.x


def test_without_lines_or_where_little_is_spared_the_region_is_the_whole_picture() -> None:
    wide = CountingLine("wide", (0, 200), (1279, 520))
    assert region_of((), PICTURE) == region_of((wide,), PICTURE) == Region(0, 0, 1280, 720)


class BrightSpots:
    """Finds the bright rectangle of each picture and notes the sizes it was shown."""

    concurrency = 1
    info = ModelInfo("spots", Path("spots.xml"), "cpu", "a fake", ("car",), None, "0" * 64)

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []

    def detect(self, pictures: list[Image]) -> list[sv.Detections]:
        results = []
        for image in pictures:
            self.sizes.append((image.shape[1], image.shape[0]))
            rows, columns = np.nonzero(image[..., 0])
            box = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)
            results.append(sv.Detections(box, None, np.ones(1, np.float32), np.zeros(1, int)))
        return results


def test_each_picture_of_a_batch_has_its_own_region_and_boxes_come_back_in_the_whole_pictures_pixels() -> None:
    image = np.zeros((720, 1280, 3), np.uint8)
    image[430:470, 600:680] = 255
    regions = [Region(500, 400, 300, 200), Region.whole(PICTURE), Region(600, 440, 400, 280)]
    detector = BrightSpots()
    found = detect_in(detector, [image] * 3, regions)  # type: ignore[arg-type]
    assert detector.sizes == [(300, 200), PICTURE, (400, 280)]
    assert [seen.xyxy.tolist() for seen in found] == [[[600, 430, 680, 470]]] * 2 + [[[600, 440, 680, 470]]]


def test_a_part_of_an_array_is_a_view_of_it() -> None:
    image: Pixels = np.zeros((720, 1280, 3), np.uint8)
    part = cropped(image, Region(4, 6, 100, 80))
    assert isinstance(part, np.ndarray) and np.shares_memory(part, image)
    assert part.shape == (80, 100, 3)


@pytest.mark.parametrize("seed", [3, 21])
@pytest.mark.parametrize("choose", [slice(1, 2), slice(3, 4), slice(0, 2)])
def test_vehicles_cut_by_the_regions_edge_make_no_crossing_and_take_none(seed: int, choose: slice) -> None:
    junction = SimulatedJunction(Scenario(width=960, height=540, fps=10, seed=seed, duration_s=25, flow_vph=2400))
    lines = junction.lines[choose]
    region = region_of(lines, junction.size)
    assert region != Region.whole(junction.size)

    def counts(part: Region) -> Counter[tuple[str, str, str]]:
        counter = CameraCounter("c", lines)
        crossings = []
        for seq, at_ns, found in junction.boxes_only():
            seen = seen_in(replace(found, confidence=np.full(len(found), 0.9, np.float32)), part)
            moved = replace(seen, xyxy=seen.xyxy + np.array([part.x, part.y] * 2, np.float32))
            crossings += counter.update(seq, at_ns, moved).crossings
        crossings += counter.finish().crossings
        return Counter((c.line, c.direction, c.vehicle_class) for c in crossings)

    whole = counts(Region.whole(junction.size))
    assert whole
    assert counts(region) == whole
