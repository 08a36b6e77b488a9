"""Draws layers that stay untrained: the floor of section 4.3."""

import keras
import numpy as np

from keras_transfer.errors import UserError
from keras_transfer.specs.network import INITIALIZATIONS
from keras_transfer.specs.seeds import derive_seed
from keras_transfer.transfer.actions import number_layers

# The paper's fillers, as in its network files.
_PAPER_STDDEV = {keras.layers.Conv2D: 0.01, keras.layers.Dense: 0.005}
_LEAST_VARIANCE = 1e-3  # a drawn moving variance below it would not divide


def redraw(
    network: keras.Sequential,
    n: int,
    initialization: str,
    like: keras.Sequential | None,
    seed: int,
) -> None:
    """Draws the first `n` layers anew.

    The paper's random networks with three and more layers never learned at
    all; whether that lies in random features or in its narrow Gaussian filler
    is what the choice here is for.

    Args:
        network: Built `keras.Sequential`, changed in place.
        n: Integer, number of layers.
        initialization: String: `"he"` leaves the network's own start,
            `"gaussian"` is the paper's filler (standard deviation 0.01, dense
            layers 0.005), `"mean-var"` draws each tensor with the mean and
            variance it has in `like`.
        like: Trained `keras.Sequential` of the same layers, or `None`.
        seed: Integer.

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
    if initialization == "he":
        return
    if initialization == "mean-var" and like is None:
        raise UserError("`mean-var` needs a trained network to draw like.")
    numbers = number_layers(network)
    for index, (layer, number) in enumerate(
        zip(network.layers, numbers, strict=True)
    ):
        if not layer.weights or not 1 <= number <= n:
            continue
        rng = np.random.default_rng(derive_seed(seed, layer.name, "random"))
        if initialization == "gaussian":
            stddev = _PAPER_STDDEV.get(type(layer))
            if stddev is not None:
                shape = layer.kernel.shape
                layer.kernel.assign(rng.normal(0, stddev, shape))
            continue
        for weight, trained in zip(
            layer.weights, like.layers[index].weights, strict=True
        ):
            values = trained.numpy()
            drawn = rng.normal(values.mean(), values.std(), values.shape)
            if "variance" in weight.name:
                drawn = np.maximum(drawn, _LEAST_VARIANCE)
            weight.assign(drawn)
