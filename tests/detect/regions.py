"""What a faultless detector sees of a region."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import supervision as sv

from pipeline.types import Region


def seen_in(found: sv.Detections, region: Region) -> sv.Detections:
    """The boxes of a whole picture as seen in `region`: cut by its edges, in its pixels, without those outside it."""
    cut = np.clip(found.xyxy - np.array([region.x, region.y] * 2, np.float32), 0, np.array([*region.size] * 2))
    seen = replace(found, xyxy=cut.astype(np.float32))[(cut[:, 2] - cut[:, 0] > 1) & (cut[:, 3] - cut[:, 1] > 1)]
    assert isinstance(seen, sv.Detections)
    return seen
