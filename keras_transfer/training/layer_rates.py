"""How fast each copied layer learns: a multiplier for each trained weight."""

import keras

from keras_transfer.specs.settings import SolverSpec
from keras_transfer.transfer.proof import Proof


def step_rates(
    trained: keras.Model,
    network: keras.Model,
    proof: Proof,
    solver: SolverSpec,
) -> tuple[float, ...]:
    """Returns the multiplier of the learning rate of each trained weight.

    A weight copied into stage `s` of `S` has `copied_rate * rate_decay ** (S
    - s)`, one that is new 1. So a stage's rate does not depend on how many
    others are copied.

    Args:
        trained: Keras model that is fitted: the network or its upper part.
        network: Keras model, the whole network.
        proof: `Proof` of what was copied into it.
        solver: `SolverSpec`.

    Returns:
        Tuple of floats in the order of `trained.trainable_variables`; empty
        if all are 1.

    Reference:
        - [Howard and Ruder, 2018](https://arxiv.org/abs/1801.06146), section
          3.2, discriminative fine-tuning.
    """
    if solver.copied_rate is None and solver.rate_decay is None:
        return ()
    usual = solver.copied_rate or 1.0
    decay = solver.rate_decay or 1.0
    last = max((int(t.stage or 0) for t in proof.tensors), default=0)
    weights = proof.find_tensors(network)
    rates = {
        id(weight): usual * decay ** (last - int(tensor.stage or 0))
        for tensor, weight in zip(proof.tensors, weights, strict=True)
        if tensor.copied
    }
    found = [rates.get(id(v), 1.0) for v in trained.trainable_variables]
    return () if set(found) <= {1.0} else tuple(found)
