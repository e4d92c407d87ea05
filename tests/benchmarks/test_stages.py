from pathlib import Path

import openvino as ov

from benchmarks._stages import STAGES, cpu_ms_by_stage
from pipeline.detect.classes import ClassMap
from pipeline.detect.openvino_graph import for_size, with_picture_input
from pipeline.types import CountingLine
from tests.detect.tiny_model import NAMES, build_model
from tests.source.video_files import textured, write_video

LINE = CountingLine("mid", (0, 20), (60, 20))


def test_every_stage_is_measured_once_a_frame(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.avi", range(0, 2000, 100), picture=textured)
    network = with_picture_input(for_size(build_model(), 64, 64))
    compiled = ov.Core().compile_model(network, "CPU")
    spent_ms = cpu_ms_by_stage(video, (LINE,), compiled, ClassMap.from_names(NAMES))
    assert tuple(spent_ms) == STAGES
    assert all(0 < ms < 1000 for ms in spent_ms.values())
