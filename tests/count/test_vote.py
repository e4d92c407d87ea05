"""The class of a vehicle, by what its sightings say."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pipeline.count.vote import ClassVote
from pipeline.types import NS_PER_S, VEHICLE_CLASSES

INTERVAL_NS = NS_PER_S // 10


@dataclass(frozen=True)
class Said:
    """So many pictures, ten a second, say this."""

    vehicle_class: str
    times: int
    confidence: float = 0.6
    size_px: float = 40.0
    speed_px_per_s: float = 200.0


def vote_of(*history: Said) -> ClassVote:
    vote, at_ns = ClassVote(), 1_735_718_400 * NS_PER_S
    for said in history:
        for _ in range(said.times):
            at_ns += INTERVAL_NS
            class_id = VEHICLE_CLASSES.index(said.vehicle_class)
            vote.add(at_ns, class_id, said.confidence, said.size_px, said.speed_px_per_s)
    return vote


def test_confidence_and_size_count_and_the_winners_mean_confidence_is_told():
    near = [Said("bus", 1, confidence=0.8, size_px=320), Said("bus", 1, size_px=320)]
    vote = vote_of(Said("truck", 3, confidence=0.5, size_px=20), *near)
    assert (vote.vehicle_class, vote.confidence) == ("bus", pytest.approx(0.7))
    assert vote_of(Said("truck", 3), Said("bus", 2)).vehicle_class == "truck"


def test_a_track_that_goes_over_to_a_larger_vehicle_beyond_the_line_keeps_its_class():
    vote = vote_of(Said("motorcycle", 30, size_px=30), Said("truck", 6, size_px=120))
    assert vote.vehicle_class == "motorcycle"


def test_what_a_track_was_before_it_went_over_to_another_vehicle_is_forgotten():
    vote = vote_of(Said("bus", 600, size_px=90, speed_px_per_s=15), Said("car", 60))
    assert vote.vehicle_class == "car"


@pytest.mark.parametrize(
    ("common", "rare", "share", "winner"),
    [
        ("motorcycle", "bicycle", 0.3, "bicycle"),
        ("motorcycle", "bicycle", 0.2, "motorcycle"),
        ("car", "truck", 0.4, "truck"),
        ("car", "truck", 0.3, "car"),
        ("car", "bus", 0.4, "bus"),
        ("bus", "truck", 0.45, "bus"),
    ],
)
def test_a_rare_class_needs_fewer_votes_than_one_that_it_is_mistaken_for(common, rare, share, winner):
    """Of each twenty pictures, so that none is later than the others."""
    turns = [Said(rare, round(share * 20)), Said(common, 20 - round(share * 20))] * 10
    assert vote_of(*turns).vehicle_class == winner


def test_what_is_said_of_a_vehicle_that_stands_is_said_once():
    vote = vote_of(Said("motorcycle", 1500, speed_px_per_s=0), Said("car", 15))
    assert vote.vehicle_class == "car"
