"""Builds the 8-layer `keras.Sequential` networks from their rows."""

import keras

from keras_transfer.errors import UserError
from keras_transfer.models.layers import (
    FusedBatchNormalization,
    GroupedConv2D,
    LocalResponseNormalization,
)
from keras_transfer.specs.architectures import (
    LRN_ALPHA,
    LayerRow,
    find_architecture,
    layer_rows,
)
from keras_transfer.specs.seeds import derive_seed
from keras_transfer.specs.settings import ModelSpec


def build_network(
    model: ModelSpec,
    crop: int,
    num_classes: int,
    seed: int = 0,
    replicas: int = 1,
) -> keras.Sequential:
    """Builds a network with layers named conv1 to conv5, fc6, fc7 and fc8.

    Initial weights and dropout masks follow from `seed` and the layer's name
    alone, never from Keras's global state.

    Args:
        model: `ModelSpec`, for instance `ModelSpec("cnn8")`.
        crop: Integer, side in pixels of the `(crop, crop, 3)` input.
        num_classes: Integer, classes of the target half.
        seed: Integer. Defaults to `0`.
        replicas: Integer, devices that share a batch. On several, batch
            normalisation takes the moments of the whole batch. Defaults to
            `1`.

    Returns:
        Built `keras.Sequential` whose output is logits, not probabilities.

    Raises:
        UserError: If the crop is too small or the model unknown.

    Example:
        >>> network = kt.build_network(kt.ModelSpec("cnn8", width=8), 28, 10)
        >>> network.count_params()
        35458
    """
    rows = layer_rows(model, num_classes)
    smallest = find_architecture(model.name).smallest_crop
    if crop < smallest:
        raise UserError(
            f"Images are too small for {model.name}: expected crops of at "
            f"least {smallest} px. Received: {crop} px. Choose a "
            "larger `image_size` or another network."
        )
    dtype = "mixed_bfloat16" if model.precision == "bfloat16" else "float32"
    # All at once: `Sequential.add` builds everything anew for each layer.
    layers = [keras.Input((crop, crop, 3), name="images")]
    for index, row in enumerate(rows):
        last = index == len(rows) - 1
        if not row.kernel and rows[index - 1].kernel:
            layers.append(keras.layers.Flatten(dtype=dtype, name="flatten"))
        layers.append(_weight_layer(row, seed, last, dtype))
        if last:
            break
        pooling = keras.layers.MaxPooling2D(
            row.pool or 1,
            2,
            row.pool_padding,
            dtype=dtype,
            name=f"{row.name}_pool",
        )
        if row.batch_norm:
            # Normalising after the pooling touches a quarter of the values.
            # Keras's momentum of 0.99 lags behind in runs of a few hundred
            # steps, and the moments are what evaluation uses.
            norm = FusedBatchNormalization(
                momentum=(
                    0.9 if model.norm_momentum is None else model.norm_momentum
                ),
                # Each replica's own would drift apart, and only the first
                # one's be saved.
                synchronized=replicas > 1,
                dtype=dtype,
                name=f"{row.name}_norm",
            )
            layers += [pooling, norm] if row.pool else [norm]
        layers.append(keras.layers.ReLU(dtype=dtype, name=f"{row.name}_relu"))
        if row.pool and not row.batch_norm:
            layers.append(pooling)
        if row.lrn:
            layers.append(
                LocalResponseNormalization(
                    alpha=(
                        LRN_ALPHA
                        if model.lrn_alpha is None
                        else model.lrn_alpha
                    ),
                    dtype=dtype,
                    name=f"{row.name}_lrn",
                )
            )
        if row.dropout:
            layers.append(
                keras.layers.Dropout(
                    row.dropout,
                    seed=derive_seed(seed, row.name, "dropout"),
                    dtype=dtype,
                    name=f"{row.name}_dropout",
                )
            )
    return keras.Sequential(layers, name=model.name)


def _weight_layer(
    row: LayerRow, seed: int, last: bool, dtype: str
) -> keras.layers.Layer:
    kernel_seed = derive_seed(seed, row.name, "kernel")
    if row.stddev is not None:
        filler = keras.initializers.RandomNormal(
            stddev=row.stddev, seed=kernel_seed
        )
    elif last:
        filler = keras.initializers.GlorotUniform(seed=kernel_seed)
    else:
        filler = keras.initializers.HeNormal(seed=kernel_seed)
    common = {
        "kernel_initializer": filler,
        "bias_initializer": keras.initializers.Constant(row.bias),
        "use_bias": not row.batch_norm,
        # Logits stay float32: the loss needs their digits.
        "dtype": "float32" if last else dtype,
        "name": row.name,
    }
    if row.kernel:
        kind = keras.layers.Conv2D if row.groups == 1 else GroupedConv2D
        return kind(
            row.units,
            row.kernel,
            strides=row.stride,
            padding=row.padding,
            groups=row.groups,
            **common,
        )
    return keras.layers.Dense(row.units, **common)
