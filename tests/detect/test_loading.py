import hashlib
import importlib.util
import json
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from pipeline.detect import load_detector
from pipeline.detect.cpu import instruction_set
from pipeline.detect.shipped import default_model, digest_of
from pipeline.errors import InputError
from tests.detect.tiny_model import save_model


def save_network(folder: Path, output_shape: list[int], *, outputs: int = 1, channels: int = 3) -> Path:
    """A network whose outputs have nothing to do with its input, described as one for cars."""
    image = ops.parameter([1, channels, 64, 64], ov.Type.f32)
    zero = ops.multiply(ops.reduce_mean(image, ops.constant([0, 1, 2, 3]), False), np.float32(0))
    results = [ops.add(ops.constant(np.zeros(output_shape, np.float32)), zero) for _ in range(outputs)]
    path = folder / "other.xml"
    ov.save_model(ov.Model(results, [image], "other"), path)
    (folder / "metadata.yaml").write_text("task: detect\nnames:\n  0: car\n")
    return path


def test_a_folder_stands_for_the_one_network_in_it(tmp_path: Path) -> None:
    path = save_model(tmp_path / "m")
    with load_detector(tmp_path / "m") as detector:
        assert detector.info.path == path
        assert detector.info.digest == digest_of([path, path.with_suffix(".bin")])


def test_classes_are_read_from_the_network_where_no_metadata_lies_beside_it(tmp_path: Path) -> None:
    path = save_model(tmp_path)
    (tmp_path / "metadata.yaml").unlink()
    network = ov.Core().read_model(path)
    network.set_rt_info("motor_bike pick_up car", ["model_info", "labels"])
    labelled = tmp_path / "labelled.xml"
    ov.save_model(network, labelled)
    with load_detector(labelled) as detector:
        assert detector.info.classes == ("car",)


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no model .*none\.xml"):
        load_detector(tmp_path / "none.xml")


def test_a_folder_without_a_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds 0 OpenVINO networks"):
        load_detector(tmp_path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.zip").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"not a model that is known; give one of \.xml"):
        load_detector(tmp_path / "model.zip")


@pytest.mark.parametrize("content", [b"", b"<?xml version='1.0'?><net", b"\x00\x01\x02"])
def test_a_damaged_network_is_refused(tmp_path: Path, content: bytes) -> None:
    save_model(tmp_path).write_bytes(content)
    with pytest.raises(InputError, match="no network that can be read, or is damaged"):
        load_detector(tmp_path)


def test_a_network_without_its_weights_is_refused(tmp_path: Path) -> None:
    path = save_model(tmp_path)
    path.with_suffix(".bin").write_bytes(b"")
    with pytest.raises(InputError, match="no network that can be read, or is damaged"):
        load_detector(path)


@pytest.mark.parametrize(
    ("shape", "outputs", "channels", "complaint"),
    [
        ([1, 1000], 1, 3, "does not give a box and 1 class scores"),
        ([1, 37, 84], 1, 3, "does not give a box and 1 class scores"),
        ([1, 5, 84], 2, 3, "does not give a box and 1 class scores"),
        ([1, 5, 84], 1, 1, "does not take one colour picture"),
    ],
    ids=["classification", "segmentation", "two outputs", "grey input"],
)
def test_a_network_of_the_wrong_kind_is_refused(
    tmp_path: Path, shape: list[int], outputs: int, channels: int, complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        load_detector(save_network(tmp_path, shape, outputs=outputs, channels=channels))


def test_a_network_that_knows_no_vehicle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="knows none of motorcycle"):
        load_detector(save_model(tmp_path, names=("cat", "dog", "cow")))


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "", "CPU "])
def test_an_unknown_device_is_refused(tmp_path: Path, device: str) -> None:
    with pytest.raises(InputError, match="give auto, cpu, cuda or cuda:N"):
        load_detector(save_model(tmp_path), device)


def test_an_openvino_model_does_not_run_on_cuda(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"tiny cannot run on cuda:0: an OpenVINO model; give --device cpu"):
        load_detector(save_model(tmp_path), "cuda:0")


def test_without_pytorch_the_message_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.pt").write_bytes(b"x")
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name in ("torch", "ultralytics") else real(name, *rest)
    )
    monkeypatch.setattr("pipeline.detect.loading.NVIDIA_DRIVER", (tmp_path,))
    with pytest.raises(InputError, match=r"needs torch and ultralytics.*pip install 'simpang\[gpu\]'"):
        load_detector(tmp_path / "m.pt")
    with pytest.raises(InputError, match="PyTorch is not installed"):
        load_detector(tmp_path / "m.pt", "cuda:0")


def test_without_an_nvidia_driver_there_is_no_cuda_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.pt").write_bytes(b"x")
    monkeypatch.setattr("pipeline.detect.loading.NVIDIA_DRIVER", ())
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(InputError, match="m cannot run on cuda:1: no CUDA device; give --device cpu or another model"):
        load_detector(tmp_path / "m.pt", "cuda:1")


def ship(folder: Path, *, default: bool = True) -> Path:
    save_model(folder / "tiny")
    files = {f"tiny/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in (folder / "tiny").iterdir()}
    manifest = {"models": [{"name": "tiny", "default": default, "files": files, "classes": ["car"]}]}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_the_shipped_model_is_the_manifests_default(tmp_path: Path) -> None:
    model = default_model(ship(tmp_path))
    assert model.name == "tiny"
    assert model.file(".xml") == tmp_path / "tiny" / "tiny.xml"
    assert model.file(".pt") is None


def test_one_changed_byte_makes_the_shipped_model_corrupt(tmp_path: Path) -> None:
    weights = ship(tmp_path) / "tiny" / "tiny.bin"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(InputError, match=r"corrupt model tiny: .*tiny\.bin"):
        default_model(tmp_path)


def test_a_missing_file_makes_the_shipped_model_corrupt(tmp_path: Path) -> None:
    (ship(tmp_path) / "tiny" / "metadata.yaml").unlink()
    with pytest.raises(InputError, match=r"corrupt model tiny: .*metadata\.yaml"):
        default_model(tmp_path)


def test_an_installation_without_models_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name one with --model PATH"):
        default_model(tmp_path)


def test_a_manifest_without_a_default_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="names no default model"):
        default_model(ship(tmp_path, default=False))


@pytest.mark.parametrize("text", ["{", "[]", '{"models": 3}', '{"other": []}'])
def test_a_manifest_that_cannot_be_read_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=r"manifest\.json cannot be read"):
        default_model(tmp_path)


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ("flags\t\t: fpu sse avx2 avx512f avx512_vnni", "AVX-512 VNNI"),
        ("flags : avx2 avx_vnni", "AVX-VNNI"),
        ("flags : sse avx2", "AVX2"),
        ("Features : fp asimd asimddp", "NEON dot product"),
        ("flags : sse", None),
        ("", None),
    ],
)
def test_the_fastest_instruction_set_is_named(tmp_path: Path, flags: str, named: str | None) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor : 0\n{flags}\n")
    assert instruction_set(tmp_path / "cpuinfo") == named


def test_a_system_without_cpuinfo_names_none(tmp_path: Path) -> None:
    assert instruction_set(tmp_path / "cpuinfo") is None
