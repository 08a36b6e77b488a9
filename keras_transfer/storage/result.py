"""What a trained network reached: the content of its `result.json`.

A checksum says that nobody cut the file short, not who wrote it: one that a
stranger sends may lack anything, so reports ask for `wrong_field` first.
"""

import dataclasses
import hashlib
import json
from collections.abc import Sequence

from keras_transfer.specs.network import NetworkSpec, from_dict
from keras_transfer.specs.origins import LAYER_NAMES
from keras_transfer.storage.stored_proof import StoredProof

# Looks at the validation images from which on `val_best10` is a peak.
LEAST_LOOKS = 100


@dataclasses.dataclass(frozen=True)
class Result:
    """What a network reached, how, and on which images.

    A field's default is what a file of an earlier version, written before
    the field, means; `None` is a value that was not measured or is missing.
    Accuracies lie between 0 and 1, losses are mean cross-entropies in nats.

    Args:
        network_id: String; like the next two, set when the result is filed.
        settings: Dict, the network's settings as of `to_dict`.
        model_sha256: String, of `model.keras`; `None` if no model was saved.
        label, treatment: Strings, such as `"A3B"` and `"AnB"`.
        test_accuracy, test_loss: Floats; `None` for a trial of a search.
        test_correct: String, a bit each test image; see `correctness`.
        test_balanced_accuracy: Float, mean over classes of the share that is
            recognised; `None` in files of earlier versions.
        val_accuracy: Float, of the last epoch.
        val_best10: Float, mean of the 10 highest; `None` for few epochs.
        train_accuracy, train_loss: Floats, of the last epoch.
        images: Dict from `"train"`, `"validation"` and `"test"` to how many.
        classes: List of strings, names of the target's classes.
        classes_without_images: Dict from part to names of classes.
        steps: Integer, training steps.
        reused_keras_layers: Integer, layers whose output was computed once.
        mean_half, mean_sha256: Strings, whose mean image was subtracted.
        data_fingerprint, data_version, data_parts: Strings, which images.
        proof: Sequence of dicts, one for each tensor; see `transfer.proof`.
        layers: List of dicts, one for each layer; see `layer_statistics`.
        resumed_at_epoch: List of integers.
        seconds: Float.
        environment: Dict, versions, threads and devices.
        gpu_ids: List of strings, GPUs that it was trained on.
    """

    network_id: str | None = None
    settings: dict | None = None
    model_sha256: str | None = None
    label: str | None = None
    treatment: str | None = None
    test_accuracy: float | None = None
    test_loss: float | None = None
    test_correct: str | None = None
    test_balanced_accuracy: float | None = None
    val_accuracy: float | None = None
    val_best10: float | None = None
    train_accuracy: float | None = None
    train_loss: float | None = None
    images: dict[str, int] = dataclasses.field(default_factory=dict)
    classes: list[str] | None = None
    classes_without_images: dict = dataclasses.field(default_factory=dict)
    steps: int | None = None
    reused_keras_layers: int = 0
    mean_half: str | None = None
    mean_sha256: str | None = None
    data_fingerprint: str | None = None
    data_version: str | None = None
    data_parts: str = ""
    proof: Sequence[dict] | None = None
    layers: list[dict] = dataclasses.field(default_factory=list)
    resumed_at_epoch: list[int] | None = None
    seconds: float | None = None
    environment: dict = dataclasses.field(default_factory=dict)
    gpu_ids: list = dataclasses.field(default_factory=list)

    @classmethod
    def from_json(cls, content: dict) -> "Result":
        """Takes the fields from what a JSON file holds.

        Args:
            content: Dict. Other keys are left out, values are not checked.

        Returns:
            `Result`.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        return cls(**{k: v for k, v in content.items() if k in names})

    def to_json(self) -> dict:
        """Returns the fields by name, in the order of the file."""
        names = [field.name for field in dataclasses.fields(self)]
        content = {name: getattr(self, name) for name in names}
        if isinstance(self.proof, StoredProof):
            content["proof"] = list(self.proof)
        return content

    @property
    def spec(self) -> NetworkSpec:
        """The network's settings.

        Raises:
            UserError: If they are those of another version.
        """
        return from_dict(self.settings)

    def wrong_field(self) -> str | None:
        """Names a field that reports read and that is not as it should be.

        Returns:
            String, the field's name; `None` if the result can be reported.
        """
        if isinstance(self.proof, StoredProof):
            return None  # asked before it was put in the index
        for name, is_right in _CHECKS.items():
            if not is_right(getattr(self, name)):
                return name
        own = not _is_registered(self.settings)
        if own and len(self.layers) not in (0, len(LAYER_NAMES)):
            return "layers"
        return None


def seal(content: dict) -> str:
    """Writes JSON that ends with a checksum of its own text.

    Of the text, so that reading it takes no more than hashing what was read.

    Args:
        content: Dict of JSON values, not empty.

    Returns:
        String, the text of a `result.json`.
    """
    body = json.dumps(content, indent=1).removesuffix("\n}")
    return f"{body}{_MARK.decode()}{_sha256(body.encode())}{_END.decode()}"


def unseal(text: bytes) -> dict | None:
    """Reads a `result.json` and checks that it is as it was written.

    Args:
        text: Bytes of the file.

    Returns:
        Dict without the checksum, or `None` if that does not fit.
    """
    body, mark, end = text.rpartition(_MARK)
    if mark and end != _sha256(body).encode() + _END:
        return None
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    if mark:
        del content[_KEY]
        return content
    # Of earlier versions: the checksum of what it says, however laid out.
    checksum = content.pop("sha256", None)
    said = json.dumps(content, sort_keys=True).encode()
    return content if checksum == _sha256(said) else None


# A line break inside a string is written as `\\n`: this is a key's line.
_KEY = "text_sha256"
_MARK, _END = f',\n "{_KEY}": "'.encode(), b'"\n}'


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _of(*kinds: type):
    return lambda value: isinstance(value, kinds)


def _list_of(is_right):
    return lambda value: isinstance(value, list) and all(map(is_right, value))


def _dict_of(is_right):
    return lambda value: (
        isinstance(value, dict) and all(map(is_right, value.values()))
    )


def _has(**kinds):
    items = tuple(kinds.items())

    def is_right(content) -> bool:  # asked of all tensors of all networks
        if not isinstance(content, dict):
            return False
        for name, kind in items:
            if name not in content or not isinstance(content[name], kind):
                return False
        return True

    return is_right


_NONE = type(None)
_REAL = (int, float)  # as JSON gives them
_OR_NONE = (*_REAL, _NONE)
_is_tensor = _has(
    target_path=str,
    source_path=(str, _NONE),
    shape=list,
    frozen=bool,
    source_sha256=(str, _NONE),
    before_sha256=str,
    after_sha256=(str, _NONE),
)
_names_layer = _has(layer=str, copied=bool)


def _is_layer(row) -> bool:
    return _names_layer(row) and all(
        isinstance(value, _OR_NONE)
        for name, value in row.items()
        if name != "layer"
    )


def _is_registered(settings) -> bool:
    """Whether settings are of a registered model, which has any layers."""
    model = settings.get("model") if isinstance(settings, dict) else None
    return isinstance(model, dict) and model.get("content") is not None


_NUMBER, _TEXT = _of(*_REAL), _of(str)
_CHECKS = {
    "test_accuracy": _NUMBER,
    "test_loss": _NUMBER,
    "test_balanced_accuracy": _of(*_OR_NONE),
    "val_accuracy": _NUMBER,
    "val_best10": _of(*_OR_NONE),
    "train_accuracy": _NUMBER,
    "train_loss": _NUMBER,
    "seconds": _NUMBER,
    "data_version": _TEXT,
    "data_fingerprint": _TEXT,
    "data_parts": _TEXT,
    "images": _dict_of(_of(int)),
    "classes": lambda names: _list_of(_TEXT)(names) and bool(names),
    "classes_without_images": _dict_of(_list_of(_TEXT)),
    "resumed_at_epoch": _list_of(_of(int)),
    "proof": _list_of(_is_tensor),
    "layers": _list_of(_is_layer),
    "environment": _of(dict),
}
