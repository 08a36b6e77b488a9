"""Do a network's weights show training, or are they as layers draw them?

A layer draws its weights by its own initialisers. Whoever copies weights that
are such a draw draws too, in a roundabout way, so nothing is gained by it.
That is seen on weights far more surely than on accuracies: training moves
biases, scales and moments off the constants that they begin with, and kernels
off their distribution.
"""

import dataclasses

import keras
import numpy as np

from keras_transfer.models.fresh_weights import draws_of

LEVEL = 0.01  # at which a draw is mistaken for training, over all tensors
_MOST_VALUES = 20_000  # of a tensor that are compared


@dataclasses.dataclass(frozen=True)
class Likeness:
    """What a network's weights are beside a draw of the same layers.

    Args:
        tensors: Integer, tensors compared.
        constant: Integer, those of them that every draw gives the same
            values, as zeros and ones.
        differs: String, the layer of the tensor that is least like a draw, if
            it is shown to be none; else `""`.
        chance: Float, the least of the probabilities that a draw differs as
            much, times the number of tensors; 0 if a constant differs.
    """

    tensors: int
    constant: int
    differs: str
    chance: float

    @property
    def untrained(self) -> bool:
        """Whether no tensor is shown to differ from a draw."""
        return not self.differs


def compare_with_draws(
    model: keras.Model, without: keras.layers.Layer | None = None
) -> Likeness:
    """Compares each tensor of a model with what its layer draws.

    A tensor that two draws agree on bit by bit is a constant, and has to be
    the same. Of any other, the distribution of the values is compared with
    that of a draw (two samples, Kolmogorov and Smirnov), at a level of 1 %
    over all tensors (Bonferroni). Values that have been put in another order
    pass, and so does what a training too short to be seen has moved. The
    comparison ends at a constant that differs, which leaves no doubt.

    Args:
        model: Built Keras model.
        without: Layer of it that is not compared, as a head that was drawn
            just now. Defaults to `None`.

    Returns:
        `Likeness`.

    Raises:
        UserError: If a layer cannot be built again from its settings.
    """
    tensors = constant = 0
    worst = "", 1.0
    both = zip(draws_of(model, 0, 1), draws_of(model, 0, 2), strict=True)
    for (layer, first), (_, second) in both:
        if layer is without:
            continue
        for given, one, other in zip(
            layer.get_weights(), first, second, strict=True
        ):
            tensors += 1
            same = np.array_equal(one, other)
            constant += same
            if not same:
                chance = _chance(np.asarray(given, np.float64), one)
                worst = min(worst, (layer.name, chance), key=lambda w: w[1])
            elif not np.array_equal(given, one):
                return Likeness(tensors, constant, layer.name, 0.0)
    chance = min(1.0, worst[1] * max(1, tensors))
    return Likeness(
        tensors, constant, worst[0] if chance < LEVEL else "", chance
    )


def _chance(given: np.ndarray, drawn: np.ndarray) -> float:
    from scipy import stats

    if not np.isfinite(given).all():
        return 0.0
    step = -(-given.size // _MOST_VALUES)
    found = stats.ks_2samp(given.ravel()[::step], drawn.ravel()[::step])
    return float(found.pvalue)
