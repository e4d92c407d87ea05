"""Pictures of the simulated junction: deterministic, lit as asked, and boxes that fit what is painted."""

from itertools import islice

import numpy as np
import pytest

from pipeline.source.protocol import FrameSource
from pipeline.source.simulated import Scenario, SimulatedJunction
from pipeline.source.simulated.camera import Pinhole
from pipeline.source.simulated.paint import Light, painted
from pipeline.source.simulated.traffic import Traffic
from pipeline.source.simulated.view import look, visible_fractions

SMALL = {"width": 480, "height": 270, "duration_s": 2.0}


def first_image(scenario: Scenario) -> np.ndarray:
    return next(SimulatedJunction(scenario)).image


def test_the_junction_is_a_source_of_frames() -> None:
    scenario = Scenario(**SMALL, start_at_ns=1_000, camera="kuaro-2")
    with SimulatedJunction(scenario) as junction:
        assert isinstance(junction, FrameSource)
        frames = list(junction)
    assert [frame.seq for frame in frames] == list(range(20))
    assert {frame.camera for frame in frames} == {"kuaro-2"}
    assert frames[0].captured_at_ns == junction.started_at_ns == 1_000
    assert frames[7].captured_at_ns == 1_000 + 700_000_000
    assert all(frame.size == junction.size == (480, 270) for frame in frames)
    assert all(frame.image.dtype == np.uint8 and frame.image.flags.c_contiguous for frame in frames)
    assert junction.stats.frames_seen == junction.frame_count_estimate == len(frames)
    assert list(junction) == []


def test_a_closed_junction_delivers_nothing() -> None:
    junction = SimulatedJunction(Scenario(**SMALL))
    next(junction)
    junction.close()
    assert list(junction) == []


@pytest.mark.parametrize("kind", [{}, {"light": "dusk"}, {"light": "night"}, {"weather": "rain"}, {"jpeg_quality": 40}])
def test_the_same_scenario_gives_the_same_pictures_and_another_seed_gives_others(kind: dict[str, object]) -> None:
    scenario = Scenario(**SMALL, **kind)  # type: ignore[arg-type]
    one, two = (list(islice(SimulatedJunction(scenario), 3)) for _ in range(2))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.image, b.image)
    assert not np.array_equal(one[0].image, first_image(Scenario(**SMALL, seed=2, **kind)))  # type: ignore[arg-type]


def test_each_frame_keeps_its_own_pixels() -> None:
    frames = list(islice(SimulatedJunction(Scenario(**SMALL, noise=0)), 10))
    copies = [frame.image.copy() for frame in frames]
    assert not np.array_equal(copies[0], copies[9])
    for frame, copy in zip(frames, copies, strict=True):
        np.testing.assert_array_equal(frame.image, copy)


def test_dusk_is_darker_than_day_night_than_dusk_and_rain_is_paler() -> None:
    kinds = ({}, {"light": "dusk"}, {"light": "night"}, {"weather": "rain"})
    day, dusk, night, rain = (first_image(Scenario(**SMALL, **kind)) for kind in kinds)
    assert dusk.mean() < 0.7 * day.mean()
    assert night.mean() < 0.7 * dusk.mean()
    assert rain.std() < day.std()


def test_noise_and_compression_change_pixels_but_not_the_scene() -> None:
    clean = first_image(Scenario(**SMALL, noise=0)).astype(float)
    noisy = first_image(Scenario(**SMALL, noise=8)).astype(float)
    packed = first_image(Scenario(**SMALL, noise=0, jpeg_quality=20)).astype(float)
    assert 4 < (noisy - clean).std() < 14
    assert 1 < (packed - clean).std() < 20


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_boxes_are_tight_around_what_is_painted(seed: int) -> None:
    scenario = Scenario(seed=seed, flow_vph=2400)
    camera, traffic = Pinhole.of(scenario), Traffic(scenario)
    view = look(traffic.vehicles, traffic.poses(), camera)
    white = Light(np.array([0.0, 0.0, 1.0]), np.full(3, 3.0), 0.0)
    checked = 0
    for vehicle in painted(view, white, scenario.width, scenario.height):
        x0, y0, x1, y1 = view.xyxy[vehicle.index]
        if x0 < 0 or y0 < 0 or x1 > scenario.width or y1 > scenario.height:
            continue
        canvas = np.zeros((scenario.height, scenario.width, 3), np.uint8)
        vehicle.draw(canvas)
        rows, columns = np.nonzero(canvas.max(axis=2) > 20)
        drawn = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        np.testing.assert_allclose(drawn, (x0, y0, x1, y1), atol=2.0)  # smoothed edges reach a pixel further
        checked += 1
    assert checked > 5


def test_boxes_stay_in_the_picture_and_carry_the_truth() -> None:
    for frame, boxes in SimulatedJunction(Scenario(**SMALL, flow_vph=2400)).with_truth():
        assert boxes.xyxy.dtype == np.float32
        assert (boxes.xyxy >= 0).all()
        assert (boxes.xyxy <= (*frame.size, *frame.size)).all()
        assert (boxes.xyxy[:, 2:] > boxes.xyxy[:, :2]).all()
        assert boxes.confidence is not None
        assert (boxes.confidence == 1).all()
        assert boxes.tracker_id is not None
        assert len(set(boxes.tracker_id.tolist())) == len(boxes) > 0
        assert ((boxes.data["visible"] >= 0) & (boxes.data["visible"] <= 1)).all()


def test_boxes_without_pictures_are_the_boxes_of_the_pictures() -> None:
    junction = SimulatedJunction(Scenario(**SMALL))
    for (frame, drawn), (seq, at, fast) in zip(junction.with_truth(), junction.boxes_only(), strict=True):
        assert (frame.seq, frame.captured_at_ns) == (seq, at)
        np.testing.assert_array_equal(drawn.xyxy, fast.xyxy)
        np.testing.assert_array_equal(drawn.data["visible"], fast.data["visible"])


def test_an_empty_junction_still_yields_a_frame_with_no_boxes() -> None:
    frame, boxes = next(SimulatedJunction(Scenario(**SMALL, flow_vph=0)).with_truth())
    assert len(boxes) == 0
    assert boxes.xyxy.shape == (0, 4)
    assert frame.image.std() > 10


def test_a_vehicle_behind_a_nearer_one_is_less_visible() -> None:
    scenario = Scenario(seed=1)
    camera, traffic = Pinhole.of(scenario), Traffic(scenario)
    front, back = traffic.vehicles[:2]
    front.body = back.body
    facing_away = np.array([(0.0, 0.0, 0.0, 1.0), (0.0, 2.5, 0.0, 1.0)])
    alone = visible_fractions(look([back], facing_away[1:], camera), 1280, 720)
    both = look([front, back], facing_away, camera)
    visible = dict(zip((v.id for v in both.vehicles), visible_fractions(both, 1280, 720).tolist(), strict=True))
    assert alone[0] > 0.9
    assert visible[front.id] > 0.9
    assert visible[back.id] < 0.7


def test_a_dropped_frame_leaves_a_hole_and_a_repeated_one_is_left_out_and_counted() -> None:
    scenario = Scenario(**{**SMALL, "duration_s": 8.0}, noise=0, dropped=0.2, duplicated=0.2)
    junction = SimulatedJunction(scenario)
    frames = list(junction)
    sent = list(SimulatedJunction(scenario).as_sent())
    repeated = [n for n, (_, _, again) in enumerate(sent) if again]
    assert junction.stats.frames_seen == len(sent) < 80
    assert junction.stats.duplicates == len(repeated) > 3
    assert len(frames) == len(sent) - len(repeated)
    for n in repeated:
        np.testing.assert_array_equal(sent[n][0].image, sent[n - 1][0].image)
    following = 0
    for frame in frames:
        assert frame.lost_before == frame.seq - following
        following = frame.seq + 1
    undisturbed = {f.seq: f.image for f in SimulatedJunction(Scenario(**{**SMALL, "duration_s": 8.0}, noise=0))}
    for frame in frames:
        np.testing.assert_array_equal(frame.image, undisturbed[frame.seq])
