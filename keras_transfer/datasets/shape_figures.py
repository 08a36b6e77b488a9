"""Figures of the embedded data set: what is drawn, in which pose.

A figure is a function of a `Canvas` that returns two arrays `(count, 32, 32)`
of coverage between 0 and 1: of the figure's outline, and of the detail in it.
"""

import numpy as np

IMAGE_SIZE = 32


class Canvas:
    """Pixel coordinates of `count` images, each in a pose of its own.

    Args:
        count: Integer, number of images drawn at once.
        rng: `numpy.random.Generator`.
        poses: Float, how far poses differ, as a share of the most. Defaults
            to `1.0`.

    Attributes:
        x, y: Arrays `(count, 32, 32)`, coordinates in the turned, shifted and
            scaled frame of each image; the figure spans about -1 to 1.
        r, t: The same in polar form, `t` in radians.
    """

    def __init__(
        self, count: int, rng: np.random.Generator, poses: float = 1.0
    ):
        self.rng = rng
        self.count = count
        side = (np.arange(IMAGE_SIZE) + 0.5) / (IMAGE_SIZE / 2) - 1
        y, x = np.meshgrid(side, side, indexing="ij")
        turn = self.uniform(-0.45 * poses, 0.45 * poses)
        scale = self.uniform(1 - 0.3 * poses, 1.0)
        shear = self.uniform(-0.2 * poses, 0.2 * poses)
        x = x - self.uniform(-0.22 * poses, 0.22 * poses)
        y = y - self.uniform(-0.22 * poses, 0.22 * poses)
        x, y = (
            x * np.cos(turn) + y * np.sin(turn),
            y * np.cos(turn) - x * np.sin(turn),
        )
        self.x, self.y = (x + shear * y) / scale, y / scale
        self.r = np.hypot(self.x, self.y)
        self.t = np.arctan2(self.y, self.x)

    def uniform(self, low: float, high: float) -> np.ndarray:
        """Draws a number for each image.

        Args:
            low: Float.
            high: Float.

        Returns:
            Array `(images, 1, 1)`, which broadcasts over pixels.
        """
        return self.rng.uniform(low, high, (self.count, 1, 1))

    def integers(self, low: int, high: int) -> np.ndarray:
        """Draws a whole number in `[low, high)` for each image.

        Args:
            low: Integer.
            high: Integer.

        Returns:
            Integer array `(images, 1, 1)`.
        """
        return self.rng.integers(low, high, (self.count, 1, 1))


def soft(distance: np.ndarray) -> np.ndarray:
    """Returns how much of a pixel a region covers.

    Args:
        distance: Array, from the region's edge, negative inside.
    """
    return 1 / (1 + np.exp(np.clip(distance * 18, -30, 30)))


def _box(c: Canvas, width, height, x0=0.0, y0=0.0) -> np.ndarray:
    outside = np.maximum(np.abs(c.x - x0) - width, np.abs(c.y - y0) - height)
    return soft(outside)


def _wobble(c: Canvas, strength: float) -> np.ndarray:
    """Smooth random change of an outline with the angle."""
    return sum(
        c.uniform(-strength, strength)
        / k
        * np.cos(k * c.t + c.uniform(0, 2 * np.pi))
        for k in (2, 3, 4)
    )


def _blob(c: Canvas, stretch: float = 1.0) -> np.ndarray:
    outline = 0.8 + _wobble(c, 0.28)
    return soft(np.hypot(c.x, c.y * stretch) - outline)


def bars(phase: np.ndarray, share: float = 0.0) -> np.ndarray:
    """Returns the coverage by stripes.

    Args:
        phase: Array, in radians.
        share: Float, the sine above which a stripe is. Defaults to `0.0`.
    """
    return soft((share - np.sin(phase)) * 0.3)


def _leaf(c):
    body = soft(np.abs(c.y) - 0.5 * np.cos(np.clip(c.x, -1, 1) * np.pi / 2))
    veins = bars(9 * (c.x - np.abs(c.y)) + c.uniform(0, 6), 0.55)
    rib = soft(np.abs(c.y) - 0.05)
    return body, np.maximum(veins, rib)


def _flower(c):
    petals = 0.62 + 0.28 * np.cos(c.integers(5, 8) * c.t + c.uniform(0, 6))
    return soft(c.r - petals - _wobble(c, 0.06)), soft(c.r - 0.24)


def _starfish(c):
    wave = np.abs(np.cos(2.5 * c.t + c.uniform(0, 6)))
    body = soft(c.r - 0.25 - 0.75 * wave**3 - _wobble(c, 0.06))
    return body, soft(c.r - 0.12 - 0.45 * wave**6)


def _fur(c):
    flow = 14 * c.x + 2.5 * np.sin(3 * c.y + c.uniform(0, 6)) + c.uniform(0, 6)
    fringe = 0.1 * np.sin(22 * c.t + c.uniform(0, 6))
    body = soft(c.r - 0.78 - _wobble(c, 0.25) - fringe)
    return body, bars(flow + 2 * np.sin(9 * c.y))


def _spotted(c):
    a, b = c.uniform(0, 6), c.uniform(0, 6)
    spots = np.sin(8 * c.x + a + np.sin(3 * c.y)) * np.sin(8 * c.y + b)
    return _blob(c), soft((0.45 - spots) * 0.4)


def _striped(c):
    phase = 9 * c.y + 1.6 * np.sin(3 * c.x + c.uniform(0, 6)) + c.uniform(0, 6)
    return _blob(c), bars(phase)


def _mushroom(c):
    cap = np.where(
        c.y < 0.05, np.hypot(c.x, (c.y - 0.05) * 1.25) - 0.85, c.y + 0.05
    )
    stem = np.maximum(
        np.abs(c.x + 0.1 * c.y) - 0.2 - 0.12 * c.y, np.abs(c.y - 0.45) - 0.5
    )
    return soft(np.minimum(cap, stem)), soft(cap) * bars(
        11 * c.x + c.uniform(0, 6), 0.3
    )


def _shell(c):
    body = soft(c.r - 0.85 - _wobble(c, 0.1))
    spiral = 9 * np.log(c.r + 0.12) + 2 * c.t + c.uniform(0, 6)
    return body, bars(spiral)


def _branch(c):
    trunk = np.abs(c.x + 0.08 * np.sin(4 * c.y + c.uniform(0, 6))) - 0.09
    for y0 in (-0.55, -0.1, 0.35):
        for sign in (-1, 1):
            y1 = y0 + c.uniform(-0.15, 0.15)
            bend = c.y - y1 + sign * c.uniform(0.5, 1.0) * c.x
            limb = np.maximum(np.abs(bend) - 0.09, -sign * c.x)
            trunk = np.minimum(trunk, np.maximum(limb, np.abs(c.x) - 0.75))
    return soft(np.maximum(trunk, np.abs(c.y) - 0.95)), bars(8 * c.y, 0.5)


def _fish(c):
    body = np.hypot(c.x + 0.15, c.y * 1.9) - 0.75 - _wobble(c, 0.06)
    tail = np.maximum(np.abs(c.y) - 0.75 * (c.x - 0.35), c.x - 0.98)
    scales = np.sin(13 * c.x + 4 * np.cos(9 * c.y)) * np.cos(9 * c.y)
    return soft(np.minimum(body, tail)), soft((0.2 - scales) * 0.4)


def _bricks(c):
    row = np.floor((c.y + 4) * 2.4)
    joint = np.minimum(
        np.abs((c.y * 2.4) % 1 - 0.5), np.abs((c.x * 1.4 + row / 2) % 1 - 0.5)
    )
    return _box(c, 0.9, 0.9), soft(joint - 0.08)


def _window(c):
    frame = _box(c, 0.7, 0.88)
    cross = np.minimum(np.abs(c.x), np.abs(c.y - c.uniform(-0.2, 0.2)))
    edge = np.minimum(np.abs(np.abs(c.x) - 0.6), np.abs(np.abs(c.y) - 0.78))
    return frame, soft(np.minimum(cross, edge) - 0.09)


def _checkers(c):
    k = 5.2
    a = np.sin(k * c.x + c.uniform(0, 6)) * np.sin(k * c.y + c.uniform(0, 6))
    return _box(c, 0.88, 0.88), soft(-a * 0.4)


def _ladder(c):
    rails = np.abs(np.abs(c.x) - 0.42) - 0.1
    rungs = np.abs((c.y * 2.2 + c.uniform(0, 1)) % 1 - 0.5) - 0.17
    rungs = np.maximum(rungs / 2.2, np.abs(c.x) - 0.45)
    figure = np.maximum(np.minimum(rails, rungs), np.abs(c.y) - 0.98)
    return soft(figure), soft(rails)


def _fence(c):
    posts = (np.abs((c.x * 2.3 + c.uniform(0, 1)) % 1 - 0.5) - 0.24) / 2.3
    rails = np.abs(np.abs(c.y) - 0.45) - 0.09
    figure = np.maximum(np.minimum(posts, rails), np.abs(c.y) - 0.8)
    return soft(np.maximum(figure, np.abs(c.x) - 0.95)), soft(rails)


def _gear(c):
    teeth = 0.13 * np.sign(np.cos(c.integers(8, 11) * c.t))
    ring = np.maximum(c.r - 0.72 - teeth, 0.26 - c.r)
    return soft(ring), soft(np.abs(c.r - 0.5) - 0.09)


def _house(c):
    wall = np.maximum(np.abs(c.x) - 0.62, np.abs(c.y - 0.4) - 0.5)
    roof = np.maximum(np.abs(c.x) - 0.9 - (c.y + 0.1), c.y + 0.1)
    door = np.maximum(
        np.abs(c.x - c.uniform(-0.3, 0.3)) - 0.15, np.abs(c.y - 0.6) - 0.3
    )
    return soft(np.minimum(wall, roof)), np.maximum(soft(door), soft(roof))


def _truss(c):
    a = np.abs(((c.x + c.y) * 1.6) % 1 - 0.5)
    b = np.abs(((c.x - c.y) * 1.6) % 1 - 0.5)
    edge = np.abs(np.maximum(np.abs(c.x), np.abs(c.y)) - 0.85) * 1.6
    lines = np.minimum(np.minimum(a, b), edge) - 0.14
    return _box(c, 0.95, 0.95) * soft(lines), soft(edge - 0.15)


def _tower(c):
    panes = np.maximum(
        np.abs((c.x * 2.5 + 0.5) % 1 - 0.5), np.abs((c.y * 2.5) % 1 - 0.5)
    )
    return _box(c, c.uniform(0.45, 0.62), 0.98), soft(panes - 0.27)


def _sign(c):
    plate = np.maximum(np.abs(c.x), np.abs(c.y)) - 0.72
    plate = np.maximum(plate, (np.abs(c.x) + np.abs(c.y)) / 1.4 - 0.72)
    bar = np.minimum(
        np.maximum(np.abs(c.x) - 0.14, np.abs(c.y) - 0.5),
        np.maximum(np.abs(c.y) - 0.14, np.abs(c.x) - 0.5),
    )
    return soft(plate), soft(bar)


NATURAL = {
    "leaf": _leaf,
    "flower": _flower,
    "starfish": _starfish,
    "fur": _fur,
    "spotted_coat": _spotted,
    "striped_coat": _striped,
    "mushroom": _mushroom,
    "shell": _shell,
    "branch": _branch,
    "fish": _fish,
}
MAN_MADE = {
    "bricks": _bricks,
    "window": _window,
    "checkers": _checkers,
    "ladder": _ladder,
    "fence": _fence,
    "gear": _gear,
    "house": _house,
    "truss": _truss,
    "tower": _tower,
    "sign": _sign,
}
