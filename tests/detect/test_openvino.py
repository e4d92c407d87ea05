import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import openvino as ov
import pytest
import supervision as sv

from pipeline.detect import Detector, load_detector, openvino_backend, region_of
from pipeline.detect.classes import ClassMap
from pipeline.detect.letterbox import PAD_VALUE, Letterbox
from pipeline.detect.openvino_backend import OpenVINODetector
from pipeline.detect.postprocess import vehicles_from_output
from pipeline.types import VEHICLE_CLASSES, CountingLine, Image
from tests.detect.tiny_model import BLUE, GREEN, NAMES, RED, picture, save_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("dynamic"))


@pytest.fixture(scope="module")
def detector(model: Path) -> Detector:
    return load_detector(model, "cpu")


def classes_of(found: sv.Detections) -> list[str]:
    assert found.class_id is not None
    return [VEHICLE_CLASSES[index] for index in found.class_id]


def test_a_patch_is_found_where_it_is_with_the_class_of_its_colour(detector: Detector) -> None:
    image = picture(832, 480, (160, 96, 192, 128, BLUE), (320, 192, 352, 224, RED), (640, 320, 672, 352, GREEN))
    (found,) = detector.detect([image])
    by_class = dict(zip(classes_of(found), found.xyxy.tolist(), strict=True))
    assert by_class == {"motorcycle": [160, 96, 192, 128], "car": [320, 192, 352, 224]}
    np.testing.assert_allclose(found.confidence, [1, 1])
    assert found.xyxy.dtype == found.confidence.dtype == np.float32


def test_boxes_are_in_pixels_of_a_larger_picture(detector: Detector) -> None:
    left, top = 10 * 32 / 0.65, (3 * 32 - 6) / 0.65
    box = [left, top, left + 32 / 0.65, top + 32 / 0.65]
    image = picture(1280, 720, (*(round(side) for side in box), BLUE))
    (found,) = detector.detect([image])
    np.testing.assert_allclose(found.xyxy, [box], atol=0.01)


def test_rows_may_have_padding_between_them(detector: Detector) -> None:
    image = picture(640, 360, (64, 128, 128, 192, BLUE))
    padded = np.zeros((360, 700, 3), np.uint8)
    padded[:, :640] = image
    (expected,), (found,) = detector.detect([image]), detector.detect([padded[:, :640]])
    assert len(expected) > 0
    np.testing.assert_array_equal(found.xyxy, expected.xyxy)


def test_a_picture_without_vehicles_gives_typed_empty_columns(detector: Detector) -> None:
    (found,) = detector.detect([picture(832, 480)])
    assert (found.xyxy.shape, found.xyxy.dtype) == ((0, 4), np.float32)
    assert found.confidence is not None and found.confidence.dtype == np.float32
    assert found.class_id is not None and found.class_id.dtype == np.int64


def test_no_pictures_give_no_results(detector: Detector) -> None:
    assert detector.detect([]) == []


def test_the_input_follows_each_pictures_proportions(detector: Detector) -> None:
    for size, expected in (((640, 480), (640, 480)), ((720, 1280), (480, 832)), ((1280, 720), (832, 480))):
        detector.detect([picture(*size)])
        assert detector.info.input_size == expected


def test_a_fixed_network_keeps_its_shape(tmp_path: Path) -> None:
    with load_detector(save_model(tmp_path, height=256, width=320)) as fixed:
        assert fixed.info.input_size == (320, 256)
        (found,) = fixed.detect([picture(640, 512, (64, 128, 128, 192, BLUE))])
        np.testing.assert_allclose(found.xyxy, [[64, 128, 128, 192]])
        assert fixed.info.input_size == (320, 256)


def patch_pictures(count: int) -> list[Image]:
    """Pictures of three shapes, each with one patch in a place of its own."""
    sizes = [(832, 480), (736, 544), (480, 832)]
    return [
        picture(*sizes[i % 3], (32 * (i % 14), 32 * (i // 14), 32 * (i % 14) + 32, 32 * (i // 14) + 32, BLUE))
        for i in range(count)
    ]


def corner_of(found: sv.Detections) -> tuple[float, float]:
    assert len(found) == 1
    return tuple(found.xyxy[0, :2].tolist())


def test_results_come_in_the_order_of_the_pictures(detector: Detector) -> None:
    corners = [corner_of(found) for found in detector.detect(patch_pictures(30))]
    assert corners == [(32 * (i % 14), 32 * (i // 14)) for i in range(30)]


def test_threads_do_not_disturb_each_other(detector: Detector) -> None:
    images = patch_pictures(30)
    threads = max(4, detector.concurrency)
    start = threading.Barrier(threads)

    def work(offset: int) -> list[tuple[float, float]]:
        start.wait()
        order = [(i + 7 * offset) % 30 for i in range(30)]
        found = {i: corner_of(detector.detect([images[i]])[0]) for i in order}
        return [found[i] for i in range(30)]

    with ThreadPoolExecutor(threads) as pool:
        results = list(pool.map(work, range(threads)))
    assert results == [[(32 * (i % 14), 32 * (i // 14)) for i in range(30)]] * threads


def test_a_border_is_grey_again_after_a_picture_of_other_proportions(tmp_path: Path) -> None:
    with load_detector(save_model(tmp_path, height=320, width=320)) as fixed:
        fixed.detect([picture(320, 320, (0, 0, 320, 320, BLUE))])
        (found,) = fixed.detect([picture(320, 160)])
        assert len(found) == 0


def test_the_graph_sees_exactly_what_an_explicit_float_input_would_give(model: Path, detector: Detector) -> None:
    image = np.random.default_rng(3).integers(0, 255, (720, 1280, 3), np.uint8)
    image[100:300, 200:600] = BLUE
    letterbox = Letterbox((1280, 720), (832, 480))
    canvas = np.full((480, 832, 3), PAD_VALUE, np.uint8)
    canvas[6:474] = cv2.resize(image, (832, 468), interpolation=cv2.INTER_LINEAR)
    network = ov.Core().read_model(model)
    network.reshape([1, 3, 480, 832])
    explicit = canvas[:, :, ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 255
    raw = ov.Core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(explicit)[0][0]
    expected = vehicles_from_output(raw, ClassMap.from_names(NAMES), letterbox, confidence=0.1, iou=0.6)

    (found,) = detector.detect([image])
    assert len(found) == len(expected) > 10
    np.testing.assert_array_equal(found.xyxy, expected.xyxy)
    np.testing.assert_allclose(found.confidence, expected.confidence, atol=1e-6)


def test_networks_of_shapes_no_longer_seen_are_let_go(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_backend, "MAX_COMPILED", 4)
    with load_detector(model) as many:
        assert isinstance(many, OpenVINODetector)
        for columns in range(1, 8):
            many.detect([picture(64 * columns, 128)])
        assert many.compiled_sizes == 4
        (found,) = many.detect([picture(64, 128, (0, 0, 64, 128, BLUE))])
        assert len(found) > 0


def test_the_regions_of_a_full_workers_cameras_are_compiled_for_once_however_often_they_take_turns(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[tuple[int, int]] = []
    compile_for = OpenVINODetector._compile

    def noted(detector: OpenVINODetector, input_size: tuple[int, int]) -> object:
        compiled.append(input_size)
        return compile_for(detector, input_size)

    monkeypatch.setattr(OpenVINODetector, "_compile", noted)
    lines = [(CountingLine("l", (0.0, 60.0 + 30 * camera), (1279.0, 60.0)),) for camera in range(20)]
    parts = [picture(*region_of(line, (1280, 720)).size) for line in lines]
    with load_detector(model) as detector:
        for _ in range(3):
            for part in parts:
                detector.detect([part])
    assert len(compiled) == len(set(compiled)) > 8


def test_fewer_pixels_of_input_keep_the_pictures_proportions_and_find_the_same_place(model: Path) -> None:
    with load_detector(model) as detector:
        detector.detect([picture(1280, 640)])
        full = detector.info.input_size
        detector.pixel_budget = round(detector.pixel_budget * 0.6)
        (found,) = detector.detect([picture(1280, 640, (320, 160, 640, 320, BLUE))])
        less = detector.info.input_size
    assert full is not None and less is not None
    assert less[0] * less[1] <= 0.6 * 640 * 640 < full[0] * full[1]
    assert less[0] / less[1] == pytest.approx(2.0, rel=0.15)
    assert len(found) and found.xyxy[:, 0].min() >= 300 and found.xyxy[:, 2].max() <= 660


def test_what_is_prepared_is_compiled_before_a_picture_comes_and_what_none_needs_is_let_go(model: Path) -> None:
    with load_detector(model) as detector:
        assert isinstance(detector, OpenVINODetector)
        less = detector.pixel_budget // 2
        detector.prepare([(640, 320), (320, 320)], detector.pixel_budget)
        assert detector.compiled_sizes == 2, "not the one for the usual picture any more"
        detector.prepare([(640, 320), (320, 320)], less)
        assert detector.compiled_sizes == 4, "those of the present budget are still needed"
        detector.pixel_budget = less
        detector.detect([picture(640, 320), picture(320, 320)])
        assert detector.compiled_sizes == 4
        detector.prepare([(640, 320)], less)
        assert detector.compiled_sizes == 1


def test_while_one_network_is_compiled_pictures_for_another_are_detected(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_for, compiled, may_go_on = OpenVINODetector._compile, [], threading.Event()

    def slow(detector: OpenVINODetector, input_size: tuple[int, int]) -> object:
        compiled.append(input_size)
        assert len(compiled) == 1 or may_go_on.wait(20)
        return compile_for(detector, input_size)

    monkeypatch.setattr(OpenVINODetector, "_compile", slow)
    with load_detector(model) as detector, ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(detector.detect, [picture(320, 320)]) for _ in range(2)]
        while len(compiled) < 2:
            pass
        (found,) = detector.detect([picture(1280, 720, (0, 0, 640, 360, BLUE))])
        assert len(found) and not any(other.done() for other in waiting)
        may_go_on.set()
        assert all(len(other.result()) == 1 for other in waiting)
        assert len(compiled) == 2


def test_info_says_what_runs_where(model: Path, detector: Detector) -> None:
    info = detector.info
    assert isinstance(detector, Detector)
    assert (info.name, info.path, info.device) == ("tiny", model, "cpu")
    assert info.classes == ("motorcycle", "car")
    assert info.why.startswith("CPU: as asked for; OpenVINO in float32 with ")
    assert detector.concurrency >= 1
