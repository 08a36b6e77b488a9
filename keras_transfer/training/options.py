"""How a network is trained, beside its settings."""

import dataclasses
from collections.abc import Callable

from keras_transfer.storage.registered_models import RegisteredModels
from keras_transfer.training import optimizers
from keras_transfer.training.kept import Kept
from keras_transfer.training.strategies import Strategy
from keras_transfer.transfer.frozen_features import FeatureStore

# Of an epoch's row, and of what is noticed on the way.
Report = Callable[[dict], None]
Notice = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Options:
    """How a network is trained; all but `build_optimizer` give one result.

    Args:
        feature_store: `FeatureStore` or `None`, where the output of frozen
            layers is kept if that pays. Defaults to `None`.
        test: Boolean, whether to test and save the network. A trial of a
            search does neither: the test images are not for choosing.
            Defaults to `True`.
        observe: String, how much TensorBoard is told of the layers, one of
            `observation.LEVELS`. Defaults to `"default"`.
        strategy: `Strategy` or `None` for the GPUs that the solver's
            `replicas` ask for. A process has one of several replicas at most.
        models: `RegisteredModels` or `None`, where the model is that a
            network copies from, if it is one of these.
        build_optimizer: Callable with the arguments of
            `optimizers.build_optimizer`, its default: a search may try
            another optimizer, of which the network's id knows nothing.
        kept: `Kept` or `None`, what this process keeps for its next networks.
            Defaults to `None` for nothing.
    """

    feature_store: FeatureStore | None = None
    test: bool = True
    observe: str = "default"
    strategy: Strategy | None = None
    models: RegisteredModels | None = None
    build_optimizer: Callable = optimizers.build_optimizer
    kept: Kept | None = None
