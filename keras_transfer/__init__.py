"""The transferability laboratory for Keras.

Measures, layer by layer, how features turn from general to specific, after
Yosinski, Clune, Bengio and Lipson (2014), "How transferable are features in
deep neural networks?" (https://arxiv.org/abs/1411.1792).

The names below are what a Keras user needs: `import keras_transfer as kt`,
then `kt.copy_first_layers`. Each is imported when it is first asked for;
importing the package itself imports neither Keras nor TensorFlow.
"""

import importlib

__version__ = "0.1.0"

# Name: the module that defines it.
_PLACES = {
    "ModelSpec": "specs.network",
    "NetworkFailed": "errors",
    "Proof": "transfer.proof",
    "Stage": "models.stages",
    "UserError": "errors",
    "build_network": "models.cnn",
    "copy_first_layers": "transfer.first_layers",
    "head_form": "models.heads",
    "load_source": "models.sources",
    "new_head": "models.heads",
    "prefix": "models.parts",
    "stages": "models.stages",
    "suffix": "models.parts",
    "trainable_summary": "transfer.freezing",
    "write_images": "datasets.image_writing",
}
__all__ = sorted(_PLACES)


def __getattr__(name: str):
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_PLACES[name]}")
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
