"""Constant-velocity Kalman filters for all tracks of a camera at once.

A box is (centre x, centre y, width, height). Its four coordinates are filtered independently, each with position and
velocity, so a covariance is four symmetric 2x2 blocks and every step is a handful of element-wise array operations: no
matrix is inverted and the cost hardly depends on the number of tracks.

The step uses the real time between frames. Process noise is white acceleration (Bar-Shalom, Li and Kirubarajan,
"Estimation with Applications to Tracking and Navigation", 2001, eq. 6.2.2-4): over `dt` it adds
q * [[dt^3 / 3, dt^2 / 2], [dt^2 / 2, dt]]. Noise is relative to the size of the box, sqrt(width * height), because the
same motorcycle is 200 px tall near the camera and 20 px far away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MotionNoise:
    """What the filter believes of traffic and of the detector; lengths in box sizes, times in seconds."""

    position: float = 0.06
    """Standard deviation of a detected centre."""
    extent: float = 0.12
    """Standard deviation of a detected width or height."""
    initial_speed: float = 6.0
    """Standard deviation of an unseen vehicle's speed: a motorcycle (1.7 m) at 36 km/h does 6 sizes a second."""
    initial_growth: float = 0.7
    acceleration: float = 3.0
    """Square root of the spectral density of the centre's acceleration, sizes / s^1.5."""
    growth_acceleration: float = 0.7
    floor_px: float = 1.0
    """Least standard deviation of a measurement: a detector works on a shrunken picture."""


@dataclass(frozen=True, slots=True)
class KalmanState:
    """Position, velocity and covariance of N boxes, in one array so that rows are taken and put at once."""

    moments: Floats
    """(5, N, 4): positions, velocities, variances of position, covariances of the two, variances of velocity.

    Positions are centre x, centre y, width and height in pixels, velocities the same per second."""

    def __len__(self) -> int:
        rows: int = self.moments.shape[1]
        return rows

    @property
    def position(self) -> Floats:
        """(N, 4) pixels, a view."""
        view: Floats = self.moments[0]
        return view

    @property
    def velocity(self) -> Floats:
        """(N, 4) pixels per second, a view."""
        view: Floats = self.moments[1]
        return view

    @property
    def var_position(self) -> Floats:
        """(N, 4) pixels squared, a view."""
        view: Floats = self.moments[2]
        return view

    @property
    def var_velocity(self) -> Floats:
        """(N, 4) pixels squared per second squared, a view."""
        view: Floats = self.moments[4]
        return view

    def take(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> KalmanState:
        """A copy of some rows."""
        return KalmanState(self.moments[:, rows])

    def put(self, rows: npt.NDArray[np.intp], other: KalmanState) -> None:
        """Overwrite some rows by another state's rows."""
        self.moments[:, rows] = other.moments

    def append(self, other: KalmanState) -> KalmanState:
        """This state's rows, then the other's."""
        return KalmanState(np.concatenate((self.moments, other.moments), axis=1))


def to_cxcywh(xyxy: npt.ArrayLike) -> Floats:
    """(N, 4) corners -> (N, 4) centre x, centre y, width, height, float64."""
    corners = np.asarray(xyxy, np.float64).reshape(-1, 4)
    extent = corners[:, 2:] - corners[:, :2]
    return np.concatenate((corners[:, :2] + extent / 2, extent), axis=1)


def to_xyxy(cxcywh: Floats) -> Floats:
    """(N, 4) centre x, centre y, width, height -> (N, 4) corners."""
    half = np.maximum(cxcywh[:, 2:], 1.0) / 2
    return np.concatenate((cxcywh[:, :2] - half, cxcywh[:, :2] + half), axis=1)


def box_size(cxcywh: Floats) -> Floats:
    """(N,) sqrt(width * height) in pixels, at least 1."""
    return np.sqrt(np.maximum(cxcywh[:, 2] * cxcywh[:, 3], 1.0))


def _per_coordinate(centre: float, extent: float, size: Floats) -> Floats:
    """(N, 4) standard deviations from two factors of the box size."""
    return np.array([centre, centre, extent, extent]) * size[:, None]


def initiate(measured: Floats, noise: MotionNoise) -> KalmanState:
    """States of boxes (N, 4) seen once: at rest, with a wide uncertainty of speed."""
    variance = measurement_variance(measured, noise)
    speed = _per_coordinate(noise.initial_speed, noise.initial_growth, box_size(measured))
    nothing = np.zeros_like(measured)
    return KalmanState(np.stack((measured, nothing, variance, nothing, speed**2)))


def measurement_variance(boxes: Floats, noise: MotionNoise) -> Floats:
    """(N, 4) variance of a detector's box, in pixels squared."""
    return np.asarray(_per_coordinate(noise.position, noise.extent, box_size(boxes)) ** 2 + noise.floor_px**2)


def predict(state: KalmanState, dt_s: float, noise: MotionNoise) -> KalmanState:
    """All states `dt_s` seconds later."""
    position, velocity, variance, covariance, var_velocity = state.moments
    density = _per_coordinate(noise.acceleration, noise.growth_acceleration, box_size(position)) ** 2
    later = np.empty_like(state.moments)
    later[0] = position + dt_s * velocity
    later[1] = velocity
    later[2] = variance + dt_s * (2 * covariance + dt_s * var_velocity) + density * (dt_s**3 / 3)
    later[3] = covariance + dt_s * var_velocity + density * (dt_s**2 / 2)
    later[4] = var_velocity + density * dt_s
    return KalmanState(later)


def update(state: KalmanState, measured: Floats, noise: MotionNoise) -> KalmanState:
    """All states corrected by one measured box (N, 4) each."""
    position, velocity, variance, covariance, var_velocity = state.moments
    total = variance + measurement_variance(measured, noise)
    gain_position, gain_velocity = variance / total, covariance / total
    residual = measured - position
    corrected = np.empty_like(state.moments)
    corrected[0] = position + gain_position * residual
    corrected[1] = velocity + gain_velocity * residual
    corrected[2] = (1 - gain_position) * variance
    corrected[3] = (1 - gain_position) * covariance
    corrected[4] = var_velocity - gain_velocity * covariance
    return KalmanState(corrected)
