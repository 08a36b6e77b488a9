"""What is aimed at, and how far the numbers of a benchmark are from it."""

import dataclasses

from experiments.benchmark import network_tables, predicted
from experiments.benchmark.network_tables import table
from keras_transfer.specs.architectures import layer_rows
from keras_transfer.specs.costs import layer_costs, storable_layers
from keras_transfer.specs.presets import find_recipe
from keras_transfer.specs.speed import trained_work

EACH = "one a core"  # processes, of one thread each
ALIKE = "our optimizer"  # plain `fit` with it: what the loop alone is worth
# What is aimed at in training `cnn8`: name, target, and whose ratio it is.
_RACES = (
    ("float32 over plain fit", 1.25, "ours float32", "plain fit, tf.data"),
    (
        f"float32 over plain fit, {ALIKE}",
        1.25,
        "ours float32",
        f"plain fit, tf.data, {ALIKE}",
    ),
    (
        "float32 over PyTorch eager",
        1.1,
        "ours float32",
        "PyTorch eager float32",
    ),
    ("bfloat16 over our float32", 1.4, "ours bfloat16", "ours float32"),
    (
        "bfloat16 over PyTorch bfloat16",
        1.0,
        "ours bfloat16",
        "PyTorch eager bfloat16",
    ),
)


_CLASSES = 50  # of fc8, which is little of all


@dataclasses.dataclass(frozen=True)
class Target:
    """Something that is aimed at.

    Args:
        name: String.
        aim: Float.
        value: Float, or `None` if it was not measured.
        at_most: Boolean, whether the value should be at most the aim. Defaults
            to `False`: at least.
        operations: Float or `None`, how many times as many operations the
            rival's training steps have: what not repeating them can give if
            both compute as fast. Defaults to `None`.
    """

    name: str
    aim: float
    value: float | None
    at_most: bool = False
    operations: float | None = None


def targets(found: dict) -> list[Target]:
    """Lists what is aimed at.

    Args:
        found: Dict, content of `benchmark.json`; any part may be absent.

    Returns:
        List of `Target`.
    """
    rivals = found.get("training", {}).get("cnn8", {})

    def against(mine: str, theirs: str) -> float | None:
        ours, other = rivals.get(mine), rivals.get(theirs)
        if not ours or not other or not ours["rounds"] or not other["rounds"]:
            return None
        return ours["over_ours_float32"] / other["over_ours_float32"]

    study = found.get("study", {})
    startup = found.get("startup", {})
    largest = max(
        found.get("growth", []),
        key=lambda case: case["networks"],
        default={"networks": 58, "mb": None},
    )
    return [
        Target("share of the roofline, float32", 0.8, roofline_share(found)),
        *(
            Target(
                f"{name}{shared}",
                target,
                against(f"{mine}{each}", f"{theirs}{each}"),
            )
            for shared, each in (
                ("", ""),
                (", one network a core", f", {EACH}"),
            )
            for name, target, mine, theirs in _RACES
        ),
        Target(
            "frozen half of a study over a plain loop",
            4.0,
            study.get("frozen", {}).get("ratio"),
            operations=_study_operations(study),
        ),
        Target(
            "whole study over a plain loop",
            2.5,
            study.get("whole", {}).get("ratio"),
        ),
        *(
            Target(
                f"trial of a frozen network, n = {n}, over plain fit",
                20.0,
                _trial_gain(found, n),
                operations=_operations("cifar100", (n,)),
            )
            for n in (5, 6, 7)
        ),
        Target("observation, % of training", 3.0, _observed(found), True),
        Target("--help, s", 1.0, startup.get("--help"), True),
        Target("--plan, s", 2.0, startup.get("--plan"), True),
        Target(
            "a network beside its steps and looks, s",
            1.0,
            network_tables.beside_steps(found.get("network", {})),
            True,
        ),
        *(
            Target(f"10,000 results: {name}, core-s", 10.0, value, True)
            for name, value in _of_many(found).items()
        ),
        Target(
            "time of --plan, worst of 3 studies, % from the real one",
            20.0,
            predicted.worst_error(found.get("plan", {})),
            True,
        ),
        Target(
            f"memory after {largest['networks']:,} networks over after 5",
            1.25,
            largest["mb"] and largest["mb"] / largest["mb_first_5"],
            True,
        ),
    ]


def _of_many(found: dict) -> dict[str, float | None]:
    names = ("plan", "study that trains nothing", "report")
    rows = found.get("made_up") or []
    largest = max(rows, key=lambda row: row["networks"], default={})
    if largest.get("networks", 0) < 10_000:
        largest = {}
    return {name: largest.get(name) for name in names}


def lines(found: dict) -> list[str]:
    """Says which targets are met, as a table in Markdown.

    Args:
        found: Dict, content of `benchmark.json`.
    """
    rows = []
    for target in targets(found):
        sign = "at most" if target.at_most else "at least"
        value, verdict = target.value, "not measured"
        if value is not None:
            sides = (value, target.aim)
            low, high = sides if target.at_most else reversed(sides)
            verdict = "met" if low <= high else "missed"
        rows.append(
            [
                target.name,
                f"{sign} {target.aim:g}",
                _shown(value),
                verdict,
                _shown(target.operations),
            ]
        )
    header = ["ratio", "target", "value", "", "operations"]
    return [
        "## Targets",
        "",
        *table(header, rows),
        "Operations: how many times as many the training steps of plain `fit` "
        "have, which computes what lies below a cut in every step. That is "
        "about what storing gives where both compute as fast; looks at "
        "validation images, cores and precision count beside it.",
        "",
    ]


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _study_operations(study: dict) -> float | None:
    told = study.get("settings", {})
    known = {"dataset", "layers"} <= set(told)
    return _operations(told["dataset"], told["layers"]) if known else None


def _operations(dataset: str, layers) -> float:
    """Returns operations of plain steps over those of steps from a store.

    Args:
        dataset: String, whose default recipe is trained.
        layers: Tuple of integers, layers that are frozen; a network of each.
    """
    recipe = find_recipe(dataset, "default", None)
    costs = layer_costs(layer_rows(recipe.model, _CLASSES), recipe.crop)
    plain = stored = 0.0
    for n in layers:
        plain += trained_work(costs, n).flops
        kept = storable_layers(costs[:n])
        stored += trained_work(costs, n, kept).flops
    return plain / stored


def roofline_share(found: dict) -> float | None:
    """Returns what our training takes of the least time, `None` if unknown.

    Args:
        found: Dict, content of `benchmark.json`; speeds of two machines are
            not mixed.
    """
    rivals = found.get("training", {}).get("cnn8", {})
    least = (found.get("roofline") or {}).get("float32")
    machines = found.get("machines", {})
    same = machines.get("training") == machines.get("peak")
    if not rivals or not least or not same:
        return None
    speed = rivals["ours float32"]["median"]
    return speed * least["microseconds_an_image"] / 1e6


def _trial_gain(found: dict, n: int) -> float | None:
    speeds = found.get("trial", {}).get(str(n), {})
    return speeds.get("bfloat16", {}).get("over_plain")


def _observed(found: dict) -> float | None:
    return found.get("observation", {}).get("percent")
