"""What is aimed at, and how far the numbers of a benchmark are from it."""

from experiments.benchmark import network_tables, predicted
from experiments.benchmark.network_tables import table

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


def targets(found: dict) -> list[tuple[str, float, float | None, bool]]:
    """Lists what is aimed at: name, target, value, whether less is better.

    Args:
        found: Dict, content of `benchmark.json`; any part may be absent.

    Returns:
        List of tuples `(name, target, value, less)`. A value is `None` if it
        was not measured; `less` says whether it should be at most the target.
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
        (
            "share of the roofline, float32",
            0.8,
            roofline_share(found),
            False,
        ),
        *(
            (
                f"{name}{shared}",
                target,
                against(f"{mine}{each}", f"{theirs}{each}"),
                False,
            )
            for shared, each in (
                ("", ""),
                (", one network a core", ", one a core"),
            )
            for name, target, mine, theirs in _RACES
        ),
        (
            "frozen half of a study over a plain loop",
            4.0,
            study.get("frozen", {}).get("ratio"),
            False,
        ),
        (
            "whole study over a plain loop",
            2.5,
            study.get("whole", {}).get("ratio"),
            False,
        ),
        *(
            (
                f"trial of a frozen network, n = {n}, over plain fit",
                20.0,
                _trial_gain(found, n),
                False,
            )
            for n in (5, 6, 7)
        ),
        ("observation, % of training", 3.0, _observed(found), True),
        ("--help, s", 1.0, startup.get("--help"), True),
        ("--plan, s", 2.0, startup.get("--plan"), True),
        (
            "a network beside its steps and looks, s",
            1.0,
            network_tables.beside_steps(found.get("network", {})),
            True,
        ),
        *(
            (f"10,000 results: {name}, core-s", 10.0, value, True)
            for name, value in _of_many(found).items()
        ),
        (
            "time of --plan, worst of 3 studies, % from the real one",
            20.0,
            predicted.worst_error(found.get("plan", {})),
            True,
        ),
        (
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
    for name, target, value, less in targets(found):
        sign = "at most" if less else "at least"
        verdict = "not measured"
        if value is not None:
            met = value <= target if less else value >= target
            verdict = "met" if met else "missed"
        shown = "" if value is None else f"{value:.2f}"
        rows.append([name, f"{sign} {target:g}", shown, verdict])
    return ["## Targets", "", *table(["ratio", "target", "value", ""], rows)]


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
