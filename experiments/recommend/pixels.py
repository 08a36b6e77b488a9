"""Which pixel values a model takes, as far as its moments tell."""

import dataclasses

import numpy as np

from experiments.recommend.source import Asked, linear_scale

# What networks take for black and white, as they are trained. The last stands
# for pixels of unit deviation, a mean subtracted.
_RANGES = ((0.0, 255.0), (0.0, 1.0), (-1.0, 1.0), (-2.0, 2.0))
# Nats between moments seen and kept. A network that saw photographs is two
# nats from black letters on white; with pixels of 0 to 255 instead of -2 to 2
# it is thousands away.
_FAR = 3.0
_LOOKED_AT = 64  # images
# Of photographs, 0 to 255: mean and deviation of pixels, and the share of the
# variance that the colours have in common. The first two lie between those
# that go with ImageNet (115 and 58) and what 4,000 images of CIFAR-100 have
# (122 and 68); the last is a round value, 0.81 in those images.
_MEAN, _DEVIATION, _GREY = 118.0, 64.0, 0.9
# Power of a wave's frequency that its amplitude falls by: 1 in large scenes,
# more in small pictures of things. With 1 the range of a network of CIFAR-100
# comes out by half, with 1.25 and 1.5 rightly; any will do for EfficientNet.
# The images of CIFAR-100 themselves have 1.6, so this is between, not fitted.
_FALL = 1.25


def with_likely_range(
    asked: Asked, images: np.ndarray
) -> tuple[Asked, str | None]:
    """Gives the model pixels that it was trained on, as far as that shows.

    What the first batch normalisation sees is compared with the moments that
    it keeps from training. Where nothing said which pixels the model takes,
    the range is taken that fits best; else that is a warning alone.

    Args:
        asked: `Asked`.
        images: `uint8` array of some images.

    Returns:
        Tuple of `Asked`, and what the user is told or `None`, if nothing
        speaks for another range.
    """
    # Images stand class by class: these are of all of them.
    places = np.linspace(0, len(images) - 1, _LOOKED_AT).astype(int)
    batch = images[places].astype(np.float32)
    own = moments_of(asked.model, np.asarray(asked.scale(batch.copy())))
    if own is None:
        if not asked.guessed:
            return asked, None
        return asked, (
            "The model does not say which pixel values it takes, and has no "
            "trained batch normalisation to tell by: 0 to 255 are given. If "
            "it was trained on others, give `--pixel-range`."
        )
    found = {
        r: moments_of(asked.model, linear_scale(*r)(batch)) for r in _RANGES
    }
    low, high = best = min(found, key=lambda limits: found[limits].gap)
    if own.gap <= _FAR or found[best].gap >= own.gap / 2:
        return asked, None
    told = f"pixels of {low:g} to {high:g}"
    seen = f"{own.ratio:.2g} times; with {told} {found[best].ratio:.2g} times"
    if not asked.guessed:
        return asked, (
            "The model seems to take pixels of another range: its first batch "
            f"normalisation sees a spread unlike that of its training, {seen} "
            f"({asked.scaling}). Try `--pixel-range {low:g} {high:g}`."
        )
    taken = dataclasses.replace(
        asked, scale=linear_scale(low, high), scaling=told
    )
    return taken, (
        f"The model does not say which pixel values it takes; {told} are "
        "given. With 0 to 255 the spread that its first batch normalisation "
        f"sees is {own.ratio:.2g} times that of its training, with these "
        f"{found[best].ratio:.2g} times. {_second_opinion(asked, best)}"
    )


def _second_opinion(asked: Asked, best: tuple[float, float]) -> str:
    """Says what made-up photographs tell, which your images may differ from.

    Args:
        asked: `Asked`.
        best: Pair of floats, the range that fits the user's images best.

    Returns:
        String, what is to be done.
    """
    pixels = photographs(asked.image_size)
    found = {
        limits: moments_of(asked.model, linear_scale(*limits)(pixels))
        for limits in _RANGES
    }
    low, high = other = min(found, key=lambda limits: found[limits].gap)
    flag = f"`--pixel-range {best[0]:g} {best[1]:g}`"
    if other == best:
        return f"If you know the range, give it, for instance {flag}."
    return (
        f"But if it was trained on photographs, {low:g} to {high:g} fits "
        "better. It may be either: look how the model's training scaled "
        f"pixels, or run with {flag} and with `--pixel-range {low:g} "
        f"{high:g}`, and compare the scores of the last stages."
    )


def photographs(size: tuple[int, int], count: int = _LOOKED_AT) -> np.ndarray:
    """Makes up pixels that vary and go together as those of photographs.

    What a convolution puts out has a mean and a deviation that follow from
    those of pixels and from how near ones go together. In photographs the
    amplitude of a wave falls with its frequency, whatever they show.

    Args:
        size: Pair of integers, height and width.
        count: Integer. Defaults to 64.

    Returns:
        `float32` array `(count, height, width, 3)`, 0 to 255.

    Reference:
        - [Field, 1987](https://doi.org/10.1364/JOSAA.4.002379).
    """
    height, width = size
    rng = np.random.default_rng(0)
    waves = np.hypot(
        np.fft.fftfreq(height)[:, None] * height,
        np.fft.rfftfreq(width)[None] * width,
    )
    waves[0, 0] = 0.5  # images differ in brightness too

    def draw(channels: int) -> np.ndarray:
        shape = 2, count, channels, *waves.shape
        real, imaginary = rng.standard_normal(shape)
        found = np.fft.irfft2((real + 1j * imaginary) / waves**_FALL, size)
        return found / found.std()

    pixels = np.sqrt(_GREY) * draw(1) + np.sqrt(1 - _GREY) * draw(3)
    pixels = _MEAN + _DEVIATION * pixels / pixels.std()
    return pixels.clip(0, 255).transpose(0, 2, 3, 1).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Moments:
    """What a batch normalisation sees, against what it keeps from training.

    Args:
        gap: Float, nats between the normal distributions that it keeps and
            that it sees (Kullback and Leibler, mean of both directions, so
            that half the spread is as far as twice), mean over channels.
        ratio: Float, deviation seen over the one kept, geometric mean over
            channels.
    """

    gap: float
    ratio: float


def moments_of(model, images: np.ndarray) -> Moments | None:
    """Compares images with what a model was trained on.

    Args:
        model: Keras model.
        images: Float array, scaled.

    Returns:
        `Moments` of the first batch normalisation; `None` without one, or if
        it still has the moments that it began with.
    """
    from keras_transfer.models.layer_costs import keeps_moments, unwrap
    from keras_transfer.models.model_graph import read_graph
    from keras_transfer.models.parts import build_part

    graph = read_graph(model)
    for place, call in enumerate(graph.leaves()):
        if keeps_moments(call.operation):
            norm = unwrap(call.operation)
            kept = np.asarray(norm.moving_mean)
            variance = np.asarray(norm.moving_variance)
            if not kept.any() and (variance == 1).all():
                return None  # never trained
            part = build_part(graph, graph.inputs, call.inputs, 0, place)
            seen = np.asarray(part(images, training=False))
            seen = seen.reshape(-1, seen.shape[-1])
            variance = variance + norm.epsilon
            # A channel without spread has that of the layer's epsilon.
            shares = (seen.var(0) + norm.epsilon) / variance
            shifts = (seen.mean(0) - kept) ** 2 / variance
            gaps = (shares + 1 / shares + shifts * (1 + 1 / shares) - 2) / 4
            ratio = np.exp(np.log(shares).mean() / 2)
            return Moments(float(gaps.mean()), float(ratio))
    return None
