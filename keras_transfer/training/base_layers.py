"""What base networks make of the same images, layer by layer, and kernels.

Both of a finished network and of the random start that it was trained from.
"""

import dataclasses

import keras
import numpy as np

from keras_transfer.datasets.batches import evaluation_batches
from keras_transfer.datasets.halves import Part
from keras_transfer.datasets.pools import ImagePool
from keras_transfer.errors import UserError
from keras_transfer.models import cnn
from keras_transfer.models.saving import load_model
from keras_transfer.specs.origins import LAYER_NAMES
from keras_transfer.storage.network_folder import NetworkFolder
from keras_transfer.training.target import load_data, network_seed


@dataclasses.dataclass(frozen=True)
class BaseLayers:
    """A network's first kernels and what its layers put out.

    Args:
        kernels: `float32` array `(side, side, 3, kernels)` of conv1, in red,
            green and blue.
        outputs: List of 8 `float32` arrays `(images, features)`, after the
            activation of each layer; of fc8 the logits.
    """

    kernels: np.ndarray
    outputs: list[np.ndarray]


def shared_images(pool: ImagePool, most: int) -> Part:
    """Chooses test images of all classes: the first of each class.

    Args:
        pool: `ImagePool`.
        most: Integer, images in all; at least one of each class is taken.

    Returns:
        `Part`, whose labels are those of the pool.
    """
    labels = pool.labels("test")
    count = max(1, most // pool.num_classes)
    first = [
        np.flatnonzero(labels == label)[:count]
        for label in range(pool.num_classes)
    ]
    indices = np.sort(np.concatenate(first))
    return Part(pool.images("test"), indices, labels[indices].astype("i4"))


def find_layers(
    network: NetworkFolder, pool: ImagePool, part: Part, trained: bool
) -> BaseLayers:
    """Computes what an 8-layer base network's layers put out.

    Each network sees the images as it was trained to: centre crops, minus the
    mean image of its own training half.

    Args:
        network: `NetworkFolder` of a finished base network.
        pool: `ImagePool` that it was trained on.
        part: `Part`, the images.
        trained: Boolean; `False` for the random start of the network.

    Returns:
        `BaseLayers`.

    Raises:
        UserError: If it is not a base network of 8 layers.
        NetworkFailed: If its file is not the one that was filed.
    """
    spec = network.spec
    if not spec.is_base or spec.model.content is not None:
        raise UserError(
            "Expected a base network of 8 layers, whose conv1 is its own. "
            f"Received: {spec.name}."
        )
    data = load_data(spec, pool)
    if trained:
        model = load_model(network)
    else:
        model = cnn.build_network(
            spec.model,
            spec.data.crop,
            data.half.num_classes,
            network_seed(spec),
        )
    # The last of the Keras layers that stand for each layer.
    ends = {layer.name.split("_")[0]: layer.output for layer in model.layers}
    parts = keras.Model(model.inputs, [ends[name] for name in LAYER_NAMES])
    batches = evaluation_batches(part, data.mean, spec.data)
    # Called, not traced: each network is asked once.
    computed = [parts(images, training=False) for images, _ in batches]
    kernels = model.get_layer(LAYER_NAMES[0]).get_weights()[0]
    if spec.data.channels == "bgr":
        kernels = kernels[:, :, ::-1]
    return BaseLayers(
        kernels, [_joined(x) for x in zip(*computed, strict=True)]
    )


def _joined(batches: tuple) -> np.ndarray:
    # bfloat16 is no type of NumPy's own.
    arrays = [keras.ops.convert_to_numpy(x).astype("f4") for x in batches]
    outputs = np.concatenate(arrays)
    return outputs.reshape(len(outputs), -1)
