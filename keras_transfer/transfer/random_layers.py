"""Draws layers that stay untrained: the floor of section 4.3."""

from collections.abc import Callable

import keras
import numpy as np

from keras_transfer.errors import UserError
from keras_transfer.specs.architectures import LayerRow, layer_rows
from keras_transfer.specs.origins import INITIALIZATIONS, LIKE_TRAINED
from keras_transfer.specs.seeds import derive_seed
from keras_transfer.specs.settings import ModelSpec
from keras_transfer.transfer.actions import number_layers

# The paper's fillers, as in its network files.
_PAPER_STDDEV = {keras.layers.Conv2D: 0.01, keras.layers.Dense: 0.005}
_LEAST_VARIANCE = 1e-3  # a drawn moving variance below it would not divide
_PAPER_OUTPUTS = 1000
_PAPER_INPUTS = {  # a unit's inputs, where a layer is convolved in groups too
    "conv1": 11 * 11 * 3,
    "conv2": 5 * 5 * 48,
    "conv3": 3 * 3 * 256,
    "conv4": 3 * 3 * 192,
    "conv5": 3 * 3 * 192,
    "fc6": 6 * 6 * 256,
    "fc7": 4096,
}

# Draws the weights of a layer; of the layer, its trained like and a generator.
_Draw = Callable[..., None]


def redraw(
    network: keras.Sequential,
    n: int,
    initialization: str,
    like: keras.Sequential | None,
    seed: int,
    scale: float = 1.0,
) -> None:
    """Draws the first `n` layers anew.

    The paper's random networks with three and more layers never learned at
    all; whether that lies in random features or in its narrow Gaussian filler
    is what the choice here is for.

    Args:
        network: Built `keras.Sequential`, changed in place.
        n: Integer, number of layers.
        initialization: String.
            `"he"`: He's filler, as `cnn8` starts.
            `"paper"`: what a unit computes of its pixels has the size that it
            had in 2014: the paper's filler at its numbers of inputs, biases
            of 0 and 1, and pixels of 0 to 255.
            `"gaussian"`: only the standard deviations are the paper's, 0.01
            and 0.005 in dense layers.
            `"permuted"`: the entries of each trained tensor of `like` in
            another order, so that mean and variance are exactly its own.
            `"mean-var"`: normal, with the mean and variance of each tensor of
            `like`. A moving variance that falls below 0.001 is set to that,
            which multiplies its channel about 30-fold.
        like: Trained `keras.Sequential` of the same layers, or `None`.
        seed: Integer.
        scale: Float, factor of the pixels. Defaults to `1.0`.

    Raises:
        UserError: If the initialisation is unknown, or `like` is missing.

    Reference:
        - [Yosinski et al., 2014](https://arxiv.org/abs/1411.1792), section
          4.3.
    """
    if initialization not in INITIALIZATIONS:
        raise UserError(
            f"Expected `initialization` to be one of {INITIALIZATIONS}. "
            f"Received: {initialization!r}."
        )
    if initialization in LIKE_TRAINED and like is None:
        raise UserError(
            f"`{initialization}` needs a trained network to draw like."
        )
    numbers = number_layers(network)
    for index, (layer, number) in enumerate(
        zip(network.layers, numbers, strict=True)
    ):
        if not layer.weights or not 1 <= number <= n:
            continue
        rng = np.random.default_rng(derive_seed(seed, layer.name, "random"))
        trained = like.layers[index] if like is not None else None
        draw = _DRAWS[initialization]
        draw(layer, rng, trained, scale)


def _draw_he(layer, rng, trained, scale) -> None:
    # Where the network starts so, its own start is kept.
    kernel = getattr(layer, "kernel", None)
    own = getattr(layer, "kernel_initializer", None)
    if kernel is None or isinstance(own, keras.initializers.HeNormal):
        return
    stddev = (2 / _inputs(kernel)) ** 0.5
    kernel.assign(rng.normal(0, stddev, kernel.shape))
    layer.bias.assign(np.zeros(layer.bias.shape))


def _draw_gaussian(layer, rng, trained, scale) -> None:
    stddev = _PAPER_STDDEV.get(type(layer))
    if stddev is not None:
        layer.kernel.assign(rng.normal(0, stddev, layer.kernel.shape))


def _draw_paper(layer, rng, trained, scale) -> None:
    name = layer.name.removesuffix("_norm")
    row = _PAPER_ROWS[name]
    if name != layer.name:
        # Frozen at its start, which computes nothing; its offset is what
        # stands in for the bias, which the pooling before it leaves alone.
        layer.beta.assign(np.full(layer.beta.shape, row.bias))
        return
    kernel = layer.kernel
    stddev = row.stddev * (_PAPER_INPUTS[name] / _inputs(kernel)) ** 0.5
    if name == "conv1":
        stddev /= scale
    kernel.assign(rng.normal(0, stddev, kernel.shape))
    if layer.use_bias:
        layer.bias.assign(np.full(layer.bias.shape, row.bias))


def _draw_permuted(layer, rng, trained, scale) -> None:
    for weight, like in zip(layer.weights, trained.weights, strict=True):
        values = like.numpy()
        weight.assign(rng.permutation(values.ravel()).reshape(values.shape))


def _draw_mean_var(layer, rng, trained, scale) -> None:
    for weight, like in zip(layer.weights, trained.weights, strict=True):
        values = like.numpy()
        drawn = rng.normal(values.mean(), values.std(), values.shape)
        if "variance" in weight.name:
            drawn = np.maximum(drawn, _LEAST_VARIANCE)
        weight.assign(drawn)


def _inputs(kernel) -> int:
    """Counts what a unit is computed from."""
    return int(np.prod(kernel.shape[:-1]))


def _paper_rows() -> dict[str, LayerRow]:
    model = ModelSpec("caffenet", normalization="lrn")
    return {row.name: row for row in layer_rows(model, _PAPER_OUTPUTS)}


_PAPER_ROWS = _paper_rows()
_DRAWS: dict[str, _Draw] = {
    "he": _draw_he,
    "paper": _draw_paper,
    "permuted": _draw_permuted,
    "gaussian": _draw_gaussian,
    "mean-var": _draw_mean_var,
}
