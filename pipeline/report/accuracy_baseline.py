"""A record of how well a truth was counted, and whether a later count is worse than it: the regression gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.errors import InputError, StorageError
from pipeline.report.accuracy import AccuracyReport
from pipeline.report.accuracy_measures import Score

GROUPS: Final = ("all", "motorcycle")
"""What is compared: everything, and the class that is most of the traffic and hardest to count."""

SLACK_VEHICLES: Final = 1
"""So many vehicles more may be wrong than were: int8 arithmetic on another CPU moves scores by a hundredth, and with
them a vehicle that is barely seen. Two are a change for the worse."""


class Measures(BaseModel):
    """The measures of one group that are compared; None is 'cannot be told'."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    true: int
    counted: int
    wape: float | None
    precision: float | None
    recall: float | None
    effectiveness: float | None

    @classmethod
    def of(cls, score: Score) -> Measures:
        """Those of a report's score."""
        return cls(**{name: getattr(score, name) for name in cls.model_fields})

    def slack(self, measure: str) -> float:
        """By how much `SLACK_VEHICLES` can change a measure.

        A vehicle under the wrong class or direction is missing from one cell and too many in another, and WAPE and
        effectiveness add up cells.
        """
        if measure == "precision":
            return SLACK_VEHICLES / max(self.counted, 1)
        return (SLACK_VEHICLES if measure == "recall" else 2 * SLACK_VEHICLES) / max(self.true, 1)


class _Counted(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    digest: str


class Baseline(BaseModel):
    """What one model made of one truth."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    truth: _Counted
    """Names of the files; digest of what they say."""
    model: _Counted
    settings: dict[str, float]
    """Of the detector and of the judging, for the record."""
    measures: dict[str, Measures]
    """By group of `GROUPS`, as far as the truth has it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The comparison with a baseline, one sentence for each measure that changed by more than the slack."""

    worse: tuple[str, ...]
    better: tuple[str, ...]

    @property
    def summary(self) -> str:
        """One sentence for the whole."""
        if self.worse:
            return f"worse than the baseline in {len(self.worse)} measures"
        if self.better:
            return "better than the baseline; record it with --save-baseline"
        return f"as good as the baseline, to within {SLACK_VEHICLES} vehicle"


def make_baseline(
    report: AccuracyReport, truth: tuple[str, str], model: tuple[str, str], settings: Mapping[str, float]
) -> Baseline:
    """Record a report; `truth` and `model` are each (name, digest)."""
    return Baseline(
        truth=_Counted(name=truth[0], digest=truth[1]),
        model=_Counted(name=model[0], digest=model[1]),
        settings=dict(settings),
        measures={name: Measures.of(score) for name, score in _groups(report).items()},
    )


def load_baseline(path: Path, truth_digest: str) -> Baseline:
    """Read a baseline that was recorded for this truth.

    Raises:
        InputError: no such file, not a baseline, or one of another truth.
    """
    try:
        baseline = Baseline.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read the baseline {path}: {error.strerror}; make one with --save-baseline") from error
    except ValidationError as error:
        raise InputError(f"{path} is not a baseline; make one with --save-baseline") from error
    if baseline.truth.digest != truth_digest:
        raise InputError(
            f"the baseline {path} was recorded for another truth ({baseline.truth.name}, which has changed or is not "
            "the one given); record a new one with --save-baseline"
        )
    return baseline


def save_baseline(path: Path, baseline: Baseline) -> None:
    """Write a baseline. Raises StorageError where it cannot be written."""
    try:
        path.write_text(baseline.model_dump_json(indent=1) + "\n")
    except OSError as error:
        raise StorageError(f"cannot write the baseline {path}: {error.strerror}; name another file") from error


def compare(baseline: Baseline, report: AccuracyReport) -> Verdict:
    """Judge a report by a baseline of the same truth."""
    now = {name: Measures.of(score) for name, score in _groups(report).items()}
    worse, better = [], []
    for group, before in baseline.measures.items():
        for measure, sign in (("wape", -1), ("precision", 1), ("recall", 1), ("effectiveness", 1)):
            was, is_ = getattr(before, measure), getattr(now[group], measure)
            if was is None:
                continue
            slack = before.slack(measure)
            name = f"{'WAPE' if measure == 'wape' else measure} of {'all vehicles' if group == 'all' else group + 's'}"
            if is_ is None:
                worse.append(f"{name} was {was:.3f} and cannot be told any more: nothing was counted")
            elif sign * (is_ - was) < -slack - 1e-9:
                worse.append(f"{name} was {was:.3f} and is {is_:.3f}: worse by more than {slack:.3f} (one vehicle)")
            elif sign * (is_ - was) > slack + 1e-9:
                better.append(f"{name} was {was:.3f} and is {is_:.3f}: better by more than {slack:.3f} (one vehicle)")
    return Verdict(tuple(worse), tuple(better))


def _groups(report: AccuracyReport) -> dict[str, Score]:
    scores = {"all": report.overall, **report.classes}
    return {name: scores[name] for name in GROUPS if name in scores}
