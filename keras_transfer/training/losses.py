"""The training loss, and what is reported in its place."""

import keras
from keras import ops

from keras_transfer.specs.settings import SolverSpec

# Name of the metric that is the loss without smoothing.
PLAIN = "cross_entropy"


@keras.saving.register_keras_serializable("keras_transfer")
class SmoothedCrossentropy(keras.losses.Loss):
    """Cross-entropy of logits against labels that are spread a little.

    `(1 - s) * H(label) + s * mean over all outputs of H(output)`, where
    `H(k) = -log softmax(logits)[k]`. Keras's sparse loss has no smoothing.

    Args:
        smoothing: Float, the share `s`, from 0 to below 1.
        name: String, of the loss. Defaults to `"smoothed_crossentropy"`.
        **kwargs: Of `keras.losses.Loss`.

    Raises:
        ValueError: If `smoothing` is out of range.

    Reference:
        - [Szegedy et al., 2016](https://arxiv.org/abs/1512.00567), section 7.
    """

    def __init__(self, smoothing, name="smoothed_crossentropy", **kwargs):
        super().__init__(name=name, **kwargs)
        if not 0 <= smoothing < 1:
            raise ValueError(
                "`smoothing` must be from 0 to below 1. "
                f"Received: smoothing={smoothing}."
            )
        self.smoothing = smoothing

    def call(self, y_true, y_pred):
        logits = ops.cast(y_pred, "float32")
        # -log softmax(z)[k] = logsumexp(z) - z[k]
        total = ops.logsumexp(logits, axis=-1)
        labels = ops.cast(ops.reshape(y_true, ops.shape(total)), "int32")
        hit = ops.take_along_axis(logits, labels[..., None], axis=-1)[..., 0]
        kept, spread = 1 - self.smoothing, self.smoothing
        return total - kept * hit - spread * ops.mean(logits, axis=-1)

    def get_config(self):
        return {**super().get_config(), "smoothing": self.smoothing}


def training_loss(smoothing: float | None) -> keras.losses.Loss:
    """Returns the loss that is trained.

    Args:
        smoothing: Float or `None`, of the labels.

    Returns:
        `keras.losses.Loss` of logits.
    """
    if smoothing:
        return SmoothedCrossentropy(smoothing)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def trains_plain(solver: SolverSpec) -> bool:
    """Tells whether the loss that is trained is the plain cross-entropy.

    Args:
        solver: `SolverSpec`.
    """
    return not (solver.label_smoothing or solver.class_weights)


def training_metrics(plain: bool) -> list[keras.metrics.Metric]:
    """Returns what is measured beside the loss.

    Args:
        plain: Boolean, whether the loss is the plain cross-entropy.

    Returns:
        List of `keras.metrics.Metric`: the accuracy and, where the loss is
        another, the cross-entropy.
    """
    # By its name alone it would be made while the step is traced, which is
    # then traced again: a fifth of the start-up of a network.
    metrics = [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
    if not plain:
        metrics.append(
            keras.metrics.SparseCategoricalCrossentropy(
                name=PLAIN, from_logits=True
            )
        )
    return metrics


class ReportPlainLoss(keras.callbacks.Callback):
    """Puts the cross-entropy in the place of a smoothed or weighted loss.

    So `loss` and `val_loss` mean the same in every recipe; what was trained
    goes under another name. List it before callbacks that keep rows: they
    share one dict.

    Args:
        name: String, where what was trained goes. Defaults to
            `"smoothed_loss"`.
    """

    def __init__(self, name: str = "smoothed_loss"):
        super().__init__()
        self.name = name

    def on_epoch_end(self, epoch, logs=None):
        for part in ("", "val_"):
            if logs and f"{part}{PLAIN}" in logs:
                logs[f"{part}{self.name}"] = logs[f"{part}loss"]
                logs[f"{part}loss"] = logs.pop(f"{part}{PLAIN}")
