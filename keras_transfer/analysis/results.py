"""From finished networks to differences: pooled as in the paper, and paired.

A pair shares split, target and seed, so the difficulty of a half cancels;
pooling, as the paper does, leaves it in.
"""

import dataclasses
import math
from collections.abc import Callable, Hashable

from keras_transfer.analysis import contrasts, pairs, primary
from keras_transfer.analysis.intervals import Estimate, estimate
from keras_transfer.analysis.observed import observe_all
from keras_transfer.analysis.remembered import Rows, of_rows
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.treatments import BASE, BASES, TWICE
from keras_transfer.storage.log_folder import LogFolder
from keras_transfer.storage.result import Result

RANGES = ((1, 7), (3, 7), (5, 7))  # Table 1


@dataclasses.dataclass(frozen=True)
class Row:
    """One network: its settings and what it reached.

    Args:
        spec: `NetworkSpec`.
        result: `Result`, what it reached.
    """

    spec: NetworkSpec
    result: Result

    @property
    def accuracy(self) -> float:
        """Top-1 accuracy on the test images."""
        return self.result.test_accuracy

    @property
    def group(self) -> tuple:
        """What a pair shares: division, run, target; see `pairs.pair_key`."""
        return pairs.pair_key(self.spec)


def collect(specs: list[NetworkSpec], logs: LogFolder) -> Rows:
    """Reads the results of a study's finished networks.

    Args:
        specs: List of `NetworkSpec`.
        logs: `LogFolder` that holds them.

    Returns:
        `Rows` of `Row`, in the order of `specs`.
    """
    rows = [(spec, logs.result(spec)) for spec in specs]
    return Rows(
        Row(spec, result) for spec, result in rows if result is not None
    )


def row_of(result: Result) -> Row:
    """Returns the row of a result.

    Args:
        result: `Result` that was filed with its settings.
    """
    return Row(result.spec, result)


def select(
    rows: list[Row], treatment: str, low: int = 0, high: float = math.inf
) -> Rows:
    """Returns the rows of a treatment with `n` from `low` to `high`.

    Networks from scratch, which have no `n`, always pass.

    Args:
        rows: List of `Row`.
        treatment: String, such as `"AnB+"` or `"base"`.
        low, high: Numbers, range of `n`, both included. Default to all.
    """
    if low == high:
        places = _by_place(rows)
        return places.get((treatment, low)) or places.get(
            (treatment, 0), Rows()
        )
    own = _by_treatment(rows).get(treatment, Rows())
    kept = Rows(in_range(own, low, high))
    return own if len(kept) == len(own) else kept


@of_rows
def _by_treatment(rows: list[Row]) -> dict[str, Rows]:
    return _divided(rows, lambda row: row.spec.treatment)


@of_rows
def _by_place(rows: list[Row]) -> dict[tuple[str, int], Rows]:
    return _divided(rows, lambda row: (row.spec.treatment, row.spec.n))


def _divided(rows: list[Row], key: Callable[[Row], Hashable]) -> dict:
    found: dict[Hashable, list[Row]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return {value: Rows(own) for value, own in found.items()}


def usual_epochs(rows: list[Row]) -> int:
    """Returns for how many epochs base networks were trained, the fewest.

    Args:
        rows: List of `Row`, of one recipe.

    Returns:
        Integer; 0 without a base.
    """
    return min((r.spec.solver.epochs for r in select(rows, BASE)), default=0)


def names_of_bases(rows: list[Row]) -> dict[int, str]:
    """Names base networks by their epochs.

    Args:
        rows: List of `Row`, of one recipe.

    Returns:
        Dict from epochs to `BASE`, or to `TWICE` for twice as many.
    """
    usual = usual_epochs(rows)
    return {usual: BASE, 2 * usual: TWICE}


@of_rows
def of_usual_length(rows: list[Row]) -> Rows:
    """Leaves out base networks that were trained for longer than the others.

    They tell whether the others are trained out, and stand beside none of
    the networks that copy from those.

    Args:
        rows: List of `Row`, of one recipe.

    Returns:
        `Rows` of `Row`.
    """
    usual = usual_epochs(rows)
    kept = Rows(
        row
        for row in rows
        if row.spec.treatment != BASE or row.spec.solver.epochs == usual
    )
    # What was found of all of them is not found again.
    return rows if rows == kept else kept


def in_range(rows: list[Row], low: int, high: float) -> list[Row]:
    """Returns the rows with `n` from `low` to `high`, or from scratch.

    Args:
        rows: List of `Row`.
        low, high: Numbers, range of `n`, both included.
    """
    return [row for row in rows if not row.spec.n or low <= row.spec.n <= high]


def pooled_difference(
    rows: list[Row], first: str, second: str, low: int, high: int
) -> float | None:
    """Subtracts the mean of one treatment's networks from another's.

    The paper's form: all networks of a treatment count alike, whatever their
    split and target.

    Args:
        rows: List of `Row`.
        first, second: Strings, treatments such as `"AnB+"` and `"base"`.
        low, high: Integers, range of `n`, both included.

    Returns:
        Float, or `None` if either side has no network.
    """
    sides = [select(rows, name, low, high) for name in (first, second)]
    if not all(sides):
        return None
    means = [sum(r.accuracy for r in side) / len(side) for side in sides]
    return means[0] - means[1]


@of_rows
def paired_difference(
    rows: list[Row], first: str, second: str, low: int, high: int
) -> Estimate | None:
    """Estimates a difference of two treatments by the rule of `primary`.

    Args:
        rows: List of `Row`, of one recipe; all of them tell the noise.
        first, second: Strings, treatments; `second` may be `"base"`.
        low, high: Integers, range of `n`, both included.

    Returns:
        `Estimate`, whose count is that of pairs; `None` without a pair.
    """
    values = paired_values(rows, first, second, low, high)
    if not values:
        return None
    data = observe_all(rows)
    names = [BASE if name in BASES else name for name in (first, second)]
    # The n and images at which both were trained; a base stands beside all.
    places = [
        {c[1:] for c in data.cells if c[0] == name and low <= c[1] <= high}
        for name in names
        if name != BASE
    ]
    common = set.intersection(*places) if places else set()
    cells = [
        {c for c in data.cells if c[0] == BASE}
        if name == BASE
        else {(name, *place) for place in common}
        for name in names
    ]
    found = primary.estimate(data, contrasts.difference(*cells))
    if found is None:
        return estimate(list(values.values()))
    lacks = "too few networks"
    return Estimate(found.mean, len(values), found.low, found.high, lacks)


def paired_values(
    rows: list[Row], first: str, second: str, low: int, high: int
) -> dict[tuple, float]:
    """Returns the difference of each pair of split, target and seed.

    Args:
        rows: List of `Row`.
        first, second: Strings, treatments; `second` may be `"base"`.
        low, high: Integers, range of `n`, both included.

    Returns:
        Dict from `pairs.pair_key` to the pair's difference, the mean over
        the range of `n`.

    Raises:
        UserError: If two networks of a treatment cannot be told apart.
    """
    against = select(rows, second, low, high)
    if second == BASE:
        # Networks on all classes have a base of their own.
        against = [row for name in BASES for row in select(rows, name)]
    found = pairs.differences(select(rows, first, low, high), against)
    return {
        pair: sum(values.values()) / len(values)
        for pair, values in found.items()
    }


@of_rows
def layers_of(rows: list[Row]) -> list[int]:
    """Returns the sorted `n` for which there are transfer networks.

    Args:
        rows: List of `Row`.
    """
    return sorted({row.spec.n for row in rows if not row.spec.is_base})


@of_rows
def divisions_of(rows: list[Row]) -> set[str]:
    """Returns how the classes of these networks were divided.

    A network on all classes belongs to no division; where no other is there,
    theirs is the one.

    Args:
        rows: List of `Row`.

    Returns:
        Set of strings, such as `{"split0", "split1"}`.
    """
    halves = {row.spec.division for row in rows if row.spec.target != "all"}
    return halves or {row.spec.division for row in rows}


@of_rows
def mean_accuracy(rows: list[Row], treatment: str, n: int) -> Estimate | None:
    """Averages a treatment's networks at one `n`, with intervals.

    The interval is that of the paired difference from the own base, put
    around the mean: the difficulty of a half, common to all treatments, does
    not widen it. The base's, from three splits on, is Student's t over
    splits, as `primary` has it.

    Args:
        rows: List of `Row`, bases among them.
        treatment: String, such as `"AnB+"` or `"base"`.
        n: Integer, layers copied; without meaning for a base.

    Returns:
        `Estimate` of accuracy, 0 to 1, or `None` without a network.
    """
    chosen = select(rows, treatment, n, n)
    if not chosen:
        return None
    mean = sum(row.accuracy for row in chosen) / len(chosen)
    if treatment in BASES:
        data = observe_all(chosen)
        cells = {o.cell for o in data}
        weights = dict.fromkeys(cells, 1 / len(cells))
        found = contrasts.estimate_over_splits(data, weights)
        if found is None or found.low is None:
            lacks = f"fewer than {contrasts.FEWEST_SPLITS} splits"
            return Estimate(mean, len(chosen), lacks=lacks)
        shift = mean - found.mean
        return Estimate(
            mean, len(chosen), found.low + shift, found.high + shift
        )
    difference = paired_difference(rows, treatment, BASE, n, n)
    if difference is None or difference.t_low is None:
        return Estimate(mean, len(chosen), lacks="fewer than two pairs")
    shift = mean - difference.mean
    return Estimate(
        mean,
        len(chosen),
        difference.t_low + shift,
        difference.t_high + shift,
    )


@dataclasses.dataclass(frozen=True)
class Claim:
    """One numbered interpretation of section 4.1 put to these data.

    Args:
        number: Integer or string, its number or section in the paper.
        text: String, the claim in our words.
        effect: String, effect sizes with intervals.
        verdict: String, one of those of `verdicts`, or why there is none.
        why: String, the rule behind the verdict.
    """

    number: int | str
    text: str
    effect: str
    verdict: str
    why: str


MARGIN = 0.01  # one point: smaller differences count as none
