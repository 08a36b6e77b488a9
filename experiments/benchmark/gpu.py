"""What is timed on a GPU, and on what stands in for it where there is none."""

import dataclasses
import shutil
import subprocess

from experiments.benchmark.race import Entrant
from keras_transfer.specs.presets import Recipe
from keras_transfer.training.devices import visible_gpus

NO_GPU = "no GPU: what follows ran on the processor and says nothing of one"
_COPIES = (2, 4, 8)  # networks side by side on one GPU
_KERAS = "experiments.benchmark.keras_entrants"
_TORCH = "experiments.benchmark.torch_entrants:training"


def describe_device() -> str:
    """Names the GPU that TensorFlow's processes will see first."""
    if not visible_gpus():
        return NO_GPU
    if shutil.which("nvidia-smi") is None:
        return "a GPU that does not tell its name"
    asked = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total"]
    told = subprocess.run(
        [*asked, "--format=csv,noheader"], capture_output=True, text=True
    )
    lines = told.stdout.splitlines()
    return lines[0] if lines else "a GPU that does not tell its name"


def entrants(recipes: dict[str, Recipe]) -> list[Entrant]:
    """Lists what is timed: our trainer, alone and side by side, and rivals.

    Args:
        recipes: Dict from a network's name to its `Recipe`.

    Returns:
        List of `Entrant`; few steps, and no copies, where there is no GPU.
    """
    found, has_gpu = [], bool(visible_gpus())
    for network, recipe in recipes.items():
        steps = 320 if has_gpu else 2
        if recipe.model.name != "cnn8":
            steps = max(2, steps // 10)
        plain = {"steps": steps, "recipe": recipe}
        for precision in ("float32", "bfloat16"):
            model = dataclasses.replace(recipe.model, precision=precision)
            ours = {
                "steps": steps,
                "recipe": dataclasses.replace(recipe, model=model),
            }
            name = f"{network}, ours {precision}"
            found.append(Entrant(name, f"{_KERAS}:our_training", ours))
            copies = _COPIES if has_gpu and network == "cnn8" else ()
            for count in copies:
                found.append(
                    Entrant(
                        f"{name}, {count} side by side",
                        f"{_KERAS}:our_training",
                        ours,
                        copies=count,
                    )
                )
            for compiled in (False, True) if has_gpu else ():
                kind = "compiled" if compiled else "eager"
                theirs = {**plain, "precision": precision, "compiled": compiled}
                found.append(
                    Entrant(
                        f"{network}, PyTorch {kind} {precision}", _TORCH, theirs
                    )
                )
        found.append(
            Entrant(
                f"{network}, plain fit, tf.data",
                f"{_KERAS}:plain_fit",
                {**plain, "source": "tf.data"},
            )
        )
    return found
