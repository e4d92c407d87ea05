"""A pinhole camera on a pole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.source.simulated.scenario import Scenario

Floats = npt.NDArray[np.float64]

NEAR_M: Final = 0.8
"""Points nearer than this, or behind the lens, are pushed out to it: they leave the picture all the same."""


@dataclass(frozen=True, slots=True)
class Pinhole:
    """World (metres, x east, y north, z up) to picture (pixels, x right, y down)."""

    position: Floats
    """(3,) metres."""
    rotation: Floats
    """(3, 3), rows are the camera's right, down and forward axes in the world."""
    focal_px: float
    width: int
    height: int

    @classmethod
    def of(cls, scenario: Scenario) -> Pinhole:
        """The scenario's camera: on the southern arm's verge, its exact place drawn from the seed."""
        rng = np.random.default_rng([scenario.seed, 11])
        position = np.array([rng.uniform(-6.5, 6.5), rng.uniform(-39.0, -36.0), rng.uniform(9.0, 11.0)])
        target = np.array([rng.uniform(-0.8, 0.8), rng.uniform(-10.0, -5.5), 0.0])
        forward = target - position
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        rotation = np.stack([right, np.cross(forward, right), forward])
        focal_px = rng.uniform(0.67, 0.73) * scenario.width
        return cls(position, rotation, focal_px, scenario.width, scenario.height)

    def project(self, world: Floats) -> tuple[Floats, Floats]:
        """World points (N, 3) in metres to pixels (N, 2) and depths (N,) in metres along the view axis."""
        local = (world - self.position) @ self.rotation.T
        depth = np.maximum(local[:, 2], NEAR_M)
        pixels = local[:, :2] * (self.focal_px / depth)[:, None]
        pixels += (self.width / 2, self.height / 2)
        return pixels, local[:, 2]

    def ground_to_image(self) -> Floats:
        """Homography (3, 3) from ground metres (x, y, 1) to pixels."""
        k = np.array([[self.focal_px, 0, self.width / 2], [0, self.focal_px, self.height / 2], [0, 0, 1.0]])
        columns = np.stack([self.rotation[:, 0], self.rotation[:, 1], -self.rotation @ self.position], axis=1)
        return np.asarray(k @ columns)
