import pytest

torch = pytest.importorskip("torch", reason="PyTorch comes with the extra `train`")
pytest.importorskip("ultralytics", reason="Ultralytics comes with the extra `train`")

from models.blend import blended  # noqa: E402


def test_a_blend_lies_between_both_networks_and_keeps_counters_of_the_tuned_one() -> None:
    start = {"weight": torch.tensor([0.0, 2.0]), "num_batches_tracked": torch.tensor(3)}
    tuned = {"weight": torch.tensor([4.0, 2.0]), "num_batches_tracked": torch.tensor(9)}
    mixed = blended(start, [tuned], 0.25)
    assert mixed["weight"].tolist() == [1.0, 2.0]
    assert mixed["num_batches_tracked"].item() == 9


def test_several_runs_are_averaged_before_they_are_blended() -> None:
    start, runs = {"weight": torch.tensor([0.0])}, [{"weight": torch.tensor([value])} for value in (1.0, 3.0)]
    assert blended(start, runs, 0.5)["weight"].tolist() == [1.0]


def test_networks_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in their layers"):
        blended({"weight": torch.zeros(2)}, [{"weight": torch.zeros(3)}], 0.5)
