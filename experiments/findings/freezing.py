"""The numbers of the map of when to freeze, from its committed table."""

from functools import cache
from pathlib import Path

from experiments.findings.committed import PUBLISHED
from experiments.when_to_freeze.design import NAME, FreezeSettings
from keras_transfer.analysis.freeze_longer import gains
from keras_transfer.analysis.freeze_map import (
    LOSES,
    RIVALS,
    TIES,
    WINS,
    FreezeMap,
    count_words,
)
from keras_transfer.analysis.freeze_rates import Search
from keras_transfer.analysis.target_size import STARTS
from keras_transfer.reports import freeze_text, freeze_training
from keras_transfer.storage.tree import report_path

FOLDER = "cifar100-when-to-freeze"
TITLE = "When to freeze on cifar100"
_REMARK = (
    "Sizes 10 and 50, all images at width 64, longer training, and splits "
    "beyond the third of widths 32 and 64 were trained after the others had "
    "been seen. Verdicts are corrected for all that are shown."
)
# Twice the steps of the map, but for the bases that are copied: what doubling
# adds is how other studies tell whether training was long enough.
LONGER = {"least_steps": 600, "head_steps": 4000}


def table() -> Path:
    """Returns the path of the committed networks."""
    return PUBLISHED / FOLDER / "results.csv"


def is_published() -> bool:
    """Returns whether networks of the map are committed."""
    return table().is_file()


def longer() -> FreezeMap | None:
    """Returns the committed networks of longer training, if there are any."""
    path = table().with_name("longer.csv")
    return _map(path) if path.is_file() else None


@cache
def _map(path: Path) -> FreezeMap:
    return FreezeMap(path)


def found() -> FreezeMap:
    """Returns the committed map."""
    return _map(table())


def rates() -> Path:
    """Returns the path of the committed rates."""
    return table().with_name("best.json")


def _search() -> Search | None:
    return Search.read(rates()) if rates().is_file() else None


def _rates_in_words() -> str:
    search = _search()
    return "rates of the recipe" if search is None else search.in_words()


def runs(
    data: FreezeMap, steps: dict[str, int] | None = None
) -> list[FreezeSettings]:
    """Returns the settings of each run that a map was trained in.

    Args:
        data: `FreezeMap`.
        steps: Dict of settings. Defaults to `None` for their own.
    """
    whole = data.base_images()
    first = data.lines[0]
    return [
        FreezeSettings(
            dataset=first["dataset"],
            precision=first["precision"],
            width=widths,
            images=tuple(size for size in sizes if size != whole),
            splits=splits,
            all_images=whole in sizes,
            learning_rates=str(rates()) if rates().is_file() else None,
            **(steps or {}),
        )
        for widths, sizes, splits in data.runs()
    ]


def commands() -> list[str]:
    """Returns the commands that train and draw the map, one for each run.

    Each is told the table of the one before, which has those before it. Those
    of longer training come first: the last of the map is told of them.
    """
    more = longer()
    long_runs = [] if more is None else runs(more, LONGER)
    said, last = _commands(long_runs)
    own, _ = _commands(runs(found()), last)
    return said + own


def _commands(
    settings: list[FreezeSettings], longest: Path | None = None
) -> tuple[list[str], Path | None]:
    """Returns the commands of runs, and the table of the last."""
    said = []
    before = None
    for run in settings:
        words = [NAME, "--dataset", run.dataset]
        for name in ("width", "images", "splits"):
            words += [f"--{name}", *map(str, getattr(run, name))]
        words += [] if run.all_images else ["--no-all-images"]
        for name, value in LONGER.items():
            if getattr(run, name) == value:
                words += [f"--{name.replace('_', '-')}", str(value)]
        words += ["--precision", run.precision]
        if run.learning_rates is not None:
            words += ["--learning-rates"]
            words += [f"logs/published/{FOLDER}/{rates().name}"]
        if before is not None:
            words += ["--tables", str(before)]
        if longest is not None and run is settings[-1]:
            words += ["--longer", str(longest)]
        said.append(" ".join(words))
        study = Path(run.log_dir) / NAME
        report = report_path(study, run.dataset, run.report_name())
        before = report / table().name
    return said, before


def findings() -> list[tuple[str, str, str]]:
    """Returns the README's row of it, if its networks are committed."""
    if not is_published():
        return []
    said = ". ".join(
        filter(None, (_corners(), _counts(), _trends(), _longer_in_words()))
    )
    return [(_claim(), said, FOLDER)]


def folders() -> list[tuple[str, str, str]]:
    """Returns its row in the table of published folders, if it is one."""
    if not is_published():
        return []
    data = found()
    text = (
        f"{len(data.lines)} networks{_more()}, widths {_words(data.widths)}; "
        f"{_words(data.sizes)} images of each class; "
        f"{freeze_text.splits_in_words(data)}; {_rates_in_words()}, for "
        "each width and treatment on validation images of another split, [how]"
        f"(published/{FOLDER}/summary.md#how-rates-were-chosen). "
        f"{' '.join(freeze_text.in_words(data))}"
    )
    return [(FOLDER, "; then ".join(commands()), text)]


def summary() -> tuple[Path, str]:
    """Returns the path of the summary and its text."""
    words = "\n    ".join(f"python -m experiments.{c}" for c in commands())
    text = freeze_text.text(found(), TITLE, words, _search(), longer(), _REMARK)
    return table().with_name("summary.md"), text


def _claim() -> str:
    data = found()
    return (
        "With few target images and many weights, freezing beats fine-tuning "
        f"(AnB - AnB+, n = {_words(data.layers)}; {_rates_in_words()}; "
        f"{freeze_text.splits_in_words(data)})"
    )


def _corners() -> str:
    data = found()
    corners = [freeze_text.find_corner(data, n) for n in data.layers]
    return "; ".join(
        f"{corner.images} images a class, width {corner.width}: "
        f"{corner.estimate.in_points()} {corner.word}"
        for corner in filter(None, corners)
    )


def _counts() -> str:
    data = found()
    parts = []
    for rival in RIVALS:
        cells = [c for c in data.cells if c.rival == rival]
        counts = count_words(cells)
        numbers = ", ".join(str(counts[word]) for word in (WINS, TIES, LOSES))
        parts.append(f"against {STARTS[rival]} {numbers} of {len(cells)} cells")
    return f"Wins, ties, losses {'; '.join(parts)}"


def _trends() -> str:
    data = found()
    said = "; ".join(
        words
        for n in data.layers
        for words in freeze_text.trends_in_words(data, n)
    )
    return f"AnB - AnB+ {said}" if said else ""


def _longer_in_words() -> str:
    more = longer()
    if more is None:
        return ""
    gained = gains(found(), more)
    sizes = _words(sorted({gain.images for gain in gained}))
    said = freeze_training.longer_in_words(gained)
    return f"Longer training at {sizes} images adds, {said}"


def _more() -> str:
    more = longer()
    return "" if more is None else f" and {len(more.lines)} trained longer"


def _words(values: list[int]) -> str:
    return freeze_text.listed(values)
