import numpy as np
import pytest

from pipeline.detect.classes import NOT_COUNTED, ClassMap
from pipeline.detect.metadata import ModelMetadata, names_from
from pipeline.errors import InputError
from pipeline.types import VEHICLE_CLASSES


@pytest.mark.parametrize(
    ("name", "vehicle"),
    [
        ("motorcycle", "motorcycle"), ("Motorbike", "motorcycle"), ("MOTORBIKES", "motorcycle"), ("car", "car"),
        ("van", "car"), ("pickup-truck", "car"), ("minibus", "bus"), ("mini_bus", "bus"), ("Buses", "bus"),
        ("lorry", "truck"), ("lorries", "truck"), ("truk", "truck"), ("bike", "bicycle"),
        ("sepeda motor", "motorcycle"),
    ],
)  # fmt: skip
def test_a_name_in_any_spelling_finds_its_vehicle(name: str, vehicle: str) -> None:
    assert ClassMap.from_names([name]).vehicles == (vehicle,)


@pytest.mark.parametrize("name", ["person", "train", "traffic light", "cargo ship", ""])
def test_what_is_not_counted_maps_to_nothing(name: str) -> None:
    assert ClassMap.from_names([name]).vehicle_of.tolist() == [NOT_COUNTED]


def test_rows_and_vehicles_keep_the_models_order() -> None:
    classes = ClassMap.from_names(["person", "truck", "dog", "car", "van"])
    np.testing.assert_array_equal(classes.rows, [1, 3, 4])
    assert [VEHICLE_CLASSES[index] for index in classes.vehicle_of[classes.rows]] == ["truck", "car", "car"]
    assert classes.vehicles == ("car", "truck")


@pytest.mark.parametrize(
    "written", [{1: "car", 0: "bus"}, ["bus", "car"], "{0: 'bus', 1: 'car'}", "['bus', 'car']", ("bus", "car")]
)
def test_class_names_are_read_in_every_form_they_are_written_in(written: object) -> None:
    assert names_from(written) == ("bus", "car")


@pytest.mark.parametrize("written", [None, 3, "no list", ""])
def test_what_is_no_list_of_names_gives_none(written: object) -> None:
    assert names_from(written) == ()


@pytest.mark.parametrize(
    ("names", "task", "complaint"),
    [
        (("car",), "segment", "task 'segment'"),
        ((), "detect", "does not name its classes"),
        (("cat", "dog"), "detect", "knows none of motorcycle"),
    ],
)
def test_a_model_that_cannot_count_vehicles_is_refused(names: tuple[str, ...], task: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        ModelMetadata("m", names, task)
