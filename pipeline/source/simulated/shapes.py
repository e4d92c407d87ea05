"""Vehicles as shaded solids: every body is a handful of frustums and wheels with windows and lamps laid on them.

Local coordinates are metres: x forward from the middle of the vehicle, y to its left, z up from the road.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.source.simulated.camera import Floats

Colour = tuple[int, int, int]
Span = tuple[float, float]

CORNERS: Final = 8
"""Corners of a face; faces with fewer repeat their last one."""

GLASS: Final[Colour] = (58, 50, 42)
TYRE: Final[Colour] = (28, 28, 30)
LAMP: Final[Colour] = (215, 235, 245)
TAIL: Final[Colour] = (40, 30, 190)
SKIN: Final[Colour] = (90, 130, 175)

PAINTS: Final[dict[str, tuple[Colour, ...]]] = {
    "car": (
        (225, 225, 225), (60, 58, 58), (165, 165, 168), (40, 35, 150), (150, 80, 35), (90, 95, 100), (200, 205, 210),
        (60, 90, 110), (35, 35, 35),
    ),
    "bus": ((220, 220, 225), (170, 90, 30), (60, 150, 60), (50, 60, 190), (40, 160, 220), (200, 170, 80)),
    "truck": ((50, 170, 210), (60, 130, 60), (40, 50, 170), (190, 190, 190), (160, 100, 40), (40, 120, 220)),
    "cargo": ((205, 205, 205), (160, 170, 175), (110, 130, 60), (140, 90, 60), (70, 110, 150), (60, 90, 60)),
    "motorcycle": ((35, 35, 38), (40, 35, 170), (180, 180, 180), (150, 70, 30), (60, 60, 60), (40, 110, 190)),
    "shirt": (
        (200, 200, 205), (60, 60, 65), (150, 80, 50), (60, 50, 150), (90, 140, 80), (60, 150, 190), (130, 110, 160),
        (50, 130, 40), (40, 40, 40),
    ),
    "trousers": ((70, 55, 45), (45, 45, 48), (95, 80, 65), (60, 75, 90), (40, 35, 30)),
    "helmet": ((30, 30, 30), (220, 220, 225), (40, 40, 180), (160, 80, 40), (70, 70, 75), (60, 160, 220)),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Body:
    """One vehicle's solids, ready to be turned, projected and painted."""

    vertices: Floats
    """(V, 3) local metres."""
    faces: np.ndarray[tuple[int, int], np.dtype[np.intp]]
    """(F, CORNERS) indices into `vertices`, counter-clockwise seen from outside."""
    normals: Floats
    """(F, 3) unit vectors, local."""
    colours: Floats
    """(F, 3) BGR, 0 to 255."""
    solid: np.ndarray[tuple[int], np.dtype[np.intp]]
    """(F,) which solid a face belongs to; solids are painted from far to near."""
    layer: np.ndarray[tuple[int], np.dtype[np.intp]]
    """(F,) 0 for a hull, 1 for what is laid on it (windows, lamps)."""
    lamps: Floats
    """(L, 4): local x, y, z of a lamp and +1 for a headlight, -1 for a tail light."""
    length_m: float
    width_m: float
    height_m: float


def _ring(x: float, radius: float, share: float) -> list[tuple[float, float]]:
    """Corners (along, up) of an octagon of `share * radius` around the hub of a wheel standing at `x`."""
    angles = np.arange(CORNERS) * np.pi / 4 + np.pi / 8
    return [(x + share * radius * float(np.cos(a)), radius + share * radius * float(np.sin(a))) for a in angles]


class _Builder:
    def __init__(self) -> None:
        self.vertices: list[tuple[float, float, float]] = []
        self.faces: list[list[int]] = []
        self.colours: list[Colour] = []
        self.solids: list[int] = []
        self.layers: list[int] = []
        self.lamps: list[tuple[float, float, float, float]] = []
        self._solid = -1

    def face(self, corners: list[tuple[float, float, float]], colour: Colour, layer: int = 0) -> None:
        first = len(self.vertices)
        self.vertices += corners
        indices = list(range(first, first + len(corners)))
        self.faces.append(indices + indices[-1:] * (CORNERS - len(indices)))
        self.colours.append(colour)
        self.solids.append(self._solid)
        self.layers.append(layer)

    def solid(self) -> None:
        self._solid += 1

    def frustum(
        self,
        x: Span,
        y: Span,
        z: Span,
        colour: Colour,
        *,
        front: float = 0.0,
        rear: float = 0.0,
        side: float = 0.0,
        top: Colour | None = None,
        under: bool = False,
        part_of_last: bool = False,
    ) -> None:
        """A box whose upper rectangle is drawn in by `front`, `rear` and `side` metres; `colour` on its sides."""
        layer = -1 if part_of_last else 0
        if not part_of_last:
            self.solid()
        (x0, x1), (y0, y1), (z0, z1) = x, y, z
        u0, u1, v0, v1 = x0 + rear, x1 - front, y0 + side, y1 - side
        a, b, c, d = (x0, y0, z0), (x1, y0, z0), (x1, y1, z0), (x0, y1, z0)
        e, f, g, h = (u0, v0, z1), (u1, v0, z1), (u1, v1, z1), (u0, v1, z1)
        self.face([a, b, f, e], colour, layer)
        self.face([b, c, g, f], colour, layer)
        self.face([c, d, h, g], colour, layer)
        self.face([d, a, e, h], colour, layer)
        self.face([e, f, g, h], colour if top is None else top, layer)
        if under:
            self.face([d, c, b, a], colour, layer)

    def plate(self, at: float, axis: str, across: Span, z: Span, colour: Colour, sign: float = 1.0) -> None:
        """A rectangle laid on a face at x = `at` (axis "x") or y = `at` (axis "y"), looking along `sign`."""
        (p0, p1), (z0, z1) = across, z
        if axis == "x":
            corners = [(at, p0, z0), (at, p1, z0), (at, p1, z1), (at, p0, z1)]
        else:
            corners = [(p1, at, z0), (p0, at, z0), (p0, at, z1), (p1, at, z1)]
        self.face(corners if sign > 0 else corners[::-1], colour, layer=1)

    def wheel(self, x: float, y: float, radius: float, width: float, hub: Colour) -> None:
        """A free-standing wheel, seen from all sides."""
        self.solid()
        rim, inner = _ring(x, radius, 1.0), _ring(x, radius, 0.5)
        for side in (-1, 1):
            at = y + side * width / 2
            self.face([(u, at, w) for u, w in rim[::-side]], TYRE)
            self.face([(u, at + side * 0.01, w) for u, w in inner[::-side]], hub, layer=1)
        for (u0, w0), (u1, w1) in zip(rim, rim[1:] + rim[:1], strict=True):
            low, high = y - width / 2, y + width / 2
            self.face([(u1, low, w1), (u1, high, w1), (u0, high, w0), (u0, low, w0)], TYRE)

    def open_wheel(self, x: float, radius: float) -> None:
        """A thin wheel that one can look through."""
        self.solid()
        rim = _ring(x, radius, 1.0)
        for (u0, w0), (u1, w1) in zip(rim, rim[1:] + rim[:1], strict=True):
            self.strip((u0, 0.0, w0), (u1, 0.0, w1), 0.06, TYRE)
            self.face([(u1, -0.03, w1), (u1, 0.03, w1), (u0, 0.03, w0), (u0, -0.03, w0)], TYRE)

    def wheel_pair(self, x: float, y: float, radius: float, hub: Colour) -> None:
        """Two wheels under a body: only their outer sides, because the body hides the rest."""
        for side in (-1, 1):
            self.solid()
            self.face([(u, side * y, w) for u, w in _ring(x, radius, 1.0)[::-side]], TYRE)
            self.face([(u, side * (y + 0.01), w) for u, w in _ring(x, radius, 0.5)[::-side]], hub, layer=1)

    def underside(self, x: Span, y: Span, z: Span) -> None:
        """Axles and floor of the solid made last, painted before it: they show only below it."""
        self.frustum(x, y, z, TYRE, side=-0.02, part_of_last=True)

    def strip(self, a: tuple[float, float, float], b: tuple[float, float, float], thick: float, colour: Colour) -> None:
        """A flat bar between two points, standing upright along the vehicle, seen from both sides."""
        run = np.array(b) - np.array(a)
        across = np.array([-run[2], 0.0, run[0]]) / max(float(np.hypot(run[0], run[2])), 1e-6) * thick / 2
        corners = [tuple(map(float, p)) for p in (a - across, b - across, b + across, a + across)]
        self.face(corners, colour)  # type: ignore[arg-type]
        self.face(corners[::-1], colour)  # type: ignore[arg-type]

    def lamp_pair(self, x: float, y: float, z: float, sign: float) -> None:
        self.lamps += [(x, y, z, sign), (x, -y, z, sign)] if y else [(x, 0.0, z, sign)]

    def build(self) -> Body:
        vertices, shared = np.unique(np.array(self.vertices), axis=0, return_inverse=True)
        faces = shared.reshape(-1)[np.array(self.faces)].astype(np.intp)
        corners = vertices[faces]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 1])
        normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
        size = np.ptp(vertices, axis=0)
        return Body(vertices, faces, normals, np.array(self.colours, dtype=float), np.array(self.solids, dtype=np.intp),
                    np.array(self.layers, dtype=np.intp), np.array(self.lamps), float(size[0]), float(size[1]),
                    float(vertices[:, 2].max()))  # fmt: skip


def _pick(rng: np.random.Generator, paints: str) -> Colour:
    choices = PAINTS[paints]
    base = choices[int(rng.integers(len(choices)))]
    shift = rng.integers(-14, 15, size=3)
    return tuple(int(np.clip(c + s, 12, 245)) for c, s in zip(base, shift, strict=True))  # type: ignore[return-value]


def _car(rng: np.random.Generator) -> Body:
    b, paint = _Builder(), _pick(rng, "car")
    kind = rng.choice(3, p=[0.5, 0.3, 0.2])  # people carrier, hatchback, pickup
    half, wide = (2.15, 0.86) if kind != 1 else (1.9, 0.82)
    for x in (-half + 0.75, half - 0.8):
        b.wheel_pair(x, wide, 0.32, hub=(120, 120, 120))
    waist, roof = (0.95, 1.72) if kind == 0 else (0.88, 1.5)
    b.frustum((-half, half), (-wide, wide), (0.28, waist), paint, front=0.12, rear=0.05, side=0.05)
    b.underside((-half + 0.4, half - 0.4), (-wide + 0.04, wide - 0.04), (0.0, 0.3))
    for side in (-1, 1):
        b.plate(half + 0.0, "x", (side * 0.5 - 0.16, side * 0.5 + 0.16), (0.58, 0.74), LAMP)
        b.plate(-half - 0.0, "x", (side * 0.66 - 0.12, side * 0.66 + 0.12), (0.6, 0.85), TAIL, -1)
    b.plate(half + 0.01, "x", (-0.3, 0.3), (0.36, 0.52), (30, 30, 30))
    b.plate(-half - 0.01, "x", (-0.22, 0.22), (0.5, 0.62), (40, 40, 40), -1)
    cabin = {0: (-half + 0.1, 1.0), 1: (-half + 0.15, 0.75), 2: (-0.55, 1.0)}[int(kind)]
    b.frustum(cabin, (-wide + 0.06, wide - 0.06), (waist, roof), GLASS, front=0.62, rear=0.22, side=0.14, top=paint)
    if kind == 2:
        b.frustum((-half + 0.1, -0.65), (-wide + 0.12, wide - 0.12), (waist, waist + 0.02), (45, 45, 48))
    b.lamp_pair(half, 0.55, 0.66, 1)
    b.lamp_pair(-half, 0.66, 0.72, -1)
    return b.build()


def _bus(rng: np.random.Generator) -> Body:
    b, paint, trim = _Builder(), _pick(rng, "bus"), _pick(rng, "bus")
    half, wide, roof = float(rng.uniform(4.2, 5.4)), 1.2, float(rng.uniform(2.95, 3.3))
    for x in (-half + 2.0, half - 1.7):
        b.wheel_pair(x, wide, 0.48, hub=(110, 110, 110))
    b.frustum((-half, half), (-wide, wide), (0.35, roof), paint, front=0.1, rear=0.05, side=0.05)
    b.underside((-half + 0.8, half - 0.8), (-wide + 0.05, wide - 0.05), (0.0, 0.36))
    panes = 6
    step = (2 * half - 0.9) / panes
    for side in (-1, 1):
        y = side * (wide + 0.0)
        b.plate(y, "y", (-half + 0.1, half - 0.1), (0.75, 1.05), trim, side)
        for pane in range(panes):
            x0 = -half + 0.4 + pane * step
            b.plate(y - side * 0.03, "y", (x0, x0 + step - 0.14), (1.45, roof - 0.55), GLASS, side)
        b.plate(half, "x", (side * 0.85 - 0.2, side * 0.85 + 0.2), (0.6, 0.82), LAMP)
        b.plate(-half, "x", (side * 1.0 - 0.12, side * 1.0 + 0.12), (0.8, 1.2), TAIL, -1)
    b.plate(half - 0.02, "x", (-wide + 0.12, wide - 0.12), (1.3, roof - 0.5), GLASS)
    b.plate(half - 0.05, "x", (-0.7, 0.7), (roof - 0.4, roof - 0.15), (30, 120, 190))
    b.plate(-half + 0.02, "x", (-wide + 0.3, wide - 0.3), (1.7, roof - 0.5), GLASS, -1)
    b.frustum((-1.4, 0.8), (-0.75, 0.75), (roof, roof + 0.22), (190, 190, 190), side=0.1, front=0.2, rear=0.2)
    b.lamp_pair(half, 0.85, 0.7, 1)
    b.lamp_pair(-half, 1.0, 1.0, -1)
    return b.build()


def _truck(rng: np.random.Generator) -> Body:
    b, paint, cargo = _Builder(), _pick(rng, "truck"), _pick(rng, "cargo")
    half, wide, closed = float(rng.uniform(2.9, 4.2)), 1.08, rng.random() < 0.5
    for x in (-half + 1.2, half - 1.1):
        b.wheel_pair(x, wide - 0.02, 0.45, hub=(70, 70, 80))
    b.frustum((-half, half - 0.3), (-0.5, 0.5), (0.5, 0.85), (40, 40, 42))
    b.underside((-half + 0.7, half - 0.7), (-wide + 0.08, wide - 0.08), (0.0, 0.5))
    front, back = half, half - 1.75
    b.frustum((back, front), (-wide + 0.06, wide - 0.06), (0.45, 1.35), paint, front=0.04)
    for side in (-1, 1):
        b.plate(front + 0.0, "x", (side * 0.7 - 0.2, side * 0.7 + 0.2), (0.62, 0.82), LAMP)
    b.plate(front + 0.0, "x", (-0.45, 0.45), (0.7, 1.05), (50, 50, 50))
    b.frustum((back, front), (-wide + 0.08, wide - 0.08), (1.35, 2.2), paint, front=0.3, side=0.08)
    for side in (-1, 1):
        b.plate(side * (wide - 0.1), "y", (back + 0.7, front - 0.28), (1.42, 1.98), GLASS, side)
    b.face([(front - 0.03, -wide + 0.2, 1.42), (front - 0.03, wide - 0.2, 1.42), (front - 0.24, wide - 0.24, 2.04),
            (front - 0.24, -wide + 0.24, 2.04)], GLASS, layer=1)  # fmt: skip
    top = float(rng.uniform(2.7, 3.2)) if closed else float(rng.uniform(1.75, 2.1))
    b.frustum((-half, back - 0.12), (-wide, wide), (0.85, top), cargo, top=None if closed else (60, 75, 95))
    for side in (-1, 1):
        for x in np.linspace(-half + 0.3, back - 0.4, 5):
            dark = tuple(int(c * 0.75) for c in cargo)
            b.plate(side * (wide + 0.01), "y", (float(x), float(x) + 0.1), (0.9, top - 0.05), dark, side)  # type: ignore[arg-type]
        b.plate(-half - 0.01, "x", (side * 0.9 - 0.12, side * 0.9 + 0.12), (0.9, 1.1), TAIL, -1)
    if not closed and rng.random() < 0.6:
        b.frustum((-half + 0.25, back - 0.4), (-wide + 0.15, wide - 0.15), (top, top + float(rng.uniform(0.2, 0.9))),
                  _pick(rng, "cargo"), front=0.3, rear=0.3, side=0.25)  # fmt: skip
    b.lamp_pair(half, 0.7, 0.72, 1)
    b.lamp_pair(-half, 0.9, 1.0, -1)
    return b.build()


def _rider(b: _Builder, rng: np.random.Generator, x: float, seat: float, lean: float, reach: float) -> None:
    """Legs, torso, arms and a helmeted head of someone sitting at `x`."""
    shirt, helmet, trousers = _pick(rng, "shirt"), _pick(rng, "helmet"), _pick(rng, "trousers")
    for side in (-1, 1):
        y = side * 0.2
        b.frustum((x - 0.12, x + 0.36), (y - 0.08, y + 0.08), (seat - 0.12, seat + 0.1), trousers, under=True)
        b.frustum((x + 0.2, x + 0.36), (y - 0.07, y + 0.07), (seat - 0.5, seat - 0.08), trousers)
    b.frustum((x - 0.2, x + 0.1), (-0.22, 0.22), (seat + 0.05, seat + 0.6), shirt, front=-lean, rear=lean, side=0.02)
    if reach:
        for side in (-1, 1):
            y = side * 0.27
            b.frustum((x + lean, x + reach), (y - 0.06, y + 0.06), (seat + 0.3, seat + 0.46), shirt, under=True)
    at = x - 0.02 + lean
    b.frustum((at - 0.1, at + 0.13), (-0.1, 0.1), (seat + 0.6, seat + 0.76), SKIN)
    b.frustum((at - 0.16, at + 0.13), (-0.14, 0.14), (seat + 0.68, seat + 0.86), helmet, side=-0.01)
    b.frustum(
        (at - 0.16, at + 0.14), (-0.15, 0.15), (seat + 0.86, seat + 0.98), helmet, side=0.07, front=0.08, rear=0.07
    )


def _motorcycle(rng: np.random.Generator) -> Body:
    b, paint = _Builder(), _pick(rng, "motorcycle")
    for x in (-0.62, 0.64):
        b.wheel(x, 0.0, 0.29, 0.13, hub=(105, 105, 105))
    b.frustum((-0.4, 0.35), (-0.13, 0.13), (0.25, 0.6), (55, 55, 58), side=0.02)
    b.frustum((-0.92, 0.05), (-0.15, 0.15), (0.56, 0.77), paint, front=0.05, rear=-0.06, side=0.02, top=(35, 35, 35))
    b.plate(-0.97, "x", (-0.1, 0.1), (0.66, 0.76), TAIL, -1)
    b.frustum((-0.95, -0.8), (-0.07, 0.07), (0.3, 0.56), (30, 30, 30), rear=-0.05)
    b.frustum((0.25, 0.66), (-0.2, 0.2), (0.36, 0.98), paint, front=0.2, rear=0.08, side=0.05)
    b.plate(0.6, "x", (-0.11, 0.11), (0.7, 0.88), LAMP)
    b.frustum((0.55, 0.86), (-0.08, 0.08), (0.5, 0.62), paint, front=0.12, side=0.02)
    b.frustum((0.36, 0.44), (-0.35, 0.35), (0.98, 1.05), (40, 40, 40))
    for side in (-1, 1):
        b.frustum((0.36, 0.42), (side * 0.33 - 0.07, side * 0.33 + 0.07), (1.1, 1.22), (50, 50, 50))
    _rider(b, rng, -0.12, 0.78, 0.1, 0.48)
    company = rng.random()
    if company < 0.3:
        _rider(b, rng, -0.55, 0.82, 0.05, 0.0)
    if company < 0.06:
        _rider(b, rng, 0.16, 0.62, 0.0, 0.0)  # a child, in front of the driver
    b.lamp_pair(0.62, 0.0, 0.8, 1)
    b.lamp_pair(-0.97, 0.0, 0.71, -1)
    return b.build()


def _bicycle(rng: np.random.Generator) -> Body:
    b, paint = _Builder(), _pick(rng, "motorcycle")
    for x in (-0.53, 0.55):
        b.open_wheel(x, 0.34)
    b.solid()
    saddle, crank, head = (-0.2, 0.0, 0.9), (-0.05, 0.0, 0.33), (0.42, 0.0, 0.88)
    for a, c in (
        (saddle, crank),
        (crank, head),
        (saddle, head),
        (saddle, (-0.53, 0.0, 0.35)),
        (head, (0.55, 0.0, 0.35)),
    ):
        b.strip(a, c, 0.06, paint)
    b.frustum((0.36, 0.42), (-0.27, 0.27), (0.98, 1.03), (60, 60, 60))
    shirt, skin = _pick(rng, "shirt"), SKIN
    for side in (-1, 1):
        y = side * 0.12
        b.frustum(
            (-0.12 + side * 0.08, 0.06 + side * 0.08), (y - 0.06, y + 0.06), (0.3, 0.95), (70, 60, 55), rear=-0.04
        )
        b.frustum((-0.02, 0.4), (side * 0.2 - 0.04, side * 0.2 + 0.04), (1.1, 1.2), skin)
    b.frustum((-0.3, -0.02), (-0.19, 0.19), (0.92, 1.46), shirt, front=-0.06, rear=0.06, side=0.02)
    b.frustum((-0.2, 0.0), (-0.09, 0.09), (1.46, 1.6), skin)
    hat = bool(rng.random() < 0.4)
    b.frustum(
        (-0.24, 0.02), (-0.11, 0.11), (1.58, 1.72), (110, 160, 190) if hat else (25, 25, 28), side=0.03, front=0.03
    )
    b.lamp_pair(-0.86, 0.0, 0.7, -1)
    return b.build()


_MAKERS: Final[dict[str, Callable[[np.random.Generator], Body]]] = {
    "motorcycle": _motorcycle, "car": _car, "bus": _bus, "truck": _truck, "bicycle": _bicycle,
}  # fmt: skip


def make_body(vehicle_class: str, rng: np.random.Generator) -> Body:
    """A vehicle of one of `VEHICLE_CLASSES`, its paint, size and load drawn from `rng`."""
    return _MAKERS[vehicle_class](rng)
