"""Studies made up to see how often an interval covers the true effect."""

import dataclasses
import itertools

import numpy as np

from keras_transfer.analysis import contrasts, mixed_model, primary
from keras_transfer.analysis.contrasts import (
    FEWEST_SPLITS,
    Observation,
    Observations,
)
from keras_transfer.specs.treatments import OWN, TREATMENTS, find_treatment

LAYERS = (3, 5, 7)
NOISE = 0.47  # points, of a network; see `keras_transfer.analysis.power`
HALF = 2.0  # points, of the difficulty of a half
SOURCE = 0.2  # points, that networks copied from one base share
TAU = 0.5  # points, by which an effect varies between splits
LOSS = 4.0  # points, by which a frozen transfer's loss may, between halves
CHEAP = 5  # t over splits costs next to nothing: so many times the studies
BESIDE = 10  # the mixed model beside it, a check: one study in so many ...
BESIDE_SEEDS = 2  # ... with so many seeds at most
COLUMNS = (
    "scenario",
    "splits",
    "seeds",
    "tau",
    "effect",
    "about",
    "method",
    "studies",
    "judged_by",
    "width",
    "model",
    "model_width",
    "model_studies",
    "over_pairs",
)
EVERY, ONE, BASES = "every treatment", "AnB+ alone", "source bases"
APART = "AnB, by half and n"  # as at n = 7 of small networks
EACH_N = "every treatment, at each n"
NOISY = "every treatment, and AnB is noisier"
SCENARIOS = (EVERY, ONE, BASES, APART, EACH_N, NOISY)
NOISIER = 3  # times the noise of others, which is what seeds of AnB may show
OVER_SPLITS, MODEL = "t over splits", "mixed model"
EFFECTS = {
    "AnB+ - base": contrasts.difference(
        [("AnB+", n, None) for n in LAYERS], [("base", 0, None)]
    ),
    "AnB+ - BnB+": contrasts.difference(
        [("AnB+", n, None) for n in LAYERS],
        [("BnB+", n, None) for n in LAYERS],
    ),
}
# Of one n alone, as the boost and the second part of claim 4 may be asked.
AT_ONE_N = {
    "AnB+ - BnB+, n = 5": contrasts.difference(
        [("AnB+", 5, None)], [("BnB+", 5, None)]
    ),
    "BnB - AnB, n = 7": contrasts.difference(
        [("BnB", 7, None)], [("AnB", 7, None)]
    ),
}


@dataclasses.dataclass(frozen=True)
class Case:
    """One kind of study.

    Args:
        splits, seeds: Integers.
        tau: Float, points: how much an effect varies between splits.
        scenario: String, what varies: `EVERY` treatment, so that each
            difference of two does by `tau`; `ONE` alone, which the model's
            single variance does not foresee; `BASES`, as `EVERY`, and
            networks that copy from one base share `SOURCE`; `APART`, a
            treatment of neither effect, in each half and n by `tau`;
            `EACH_N`, as `EVERY`, but at each n by itself; or `NOISY`, as
            `EVERY`, and AnB's noise is `NOISIER` times that of the others.
        at_one_n: Boolean, whether the effects are those of one n alone.
            Defaults to `False`.
    """

    splits: int
    seeds: int
    tau: float
    scenario: str = EVERY
    at_one_n: bool = False

    @property
    def effects(self) -> dict[str, contrasts.Weights]:
        """The effects that are asked for, by name."""
        return AT_ONE_N if self.at_one_n else EFFECTS

    @property
    def few(self) -> bool:
        """Whether there are too few splits to say something of others."""
        return self.splits < FEWEST_SPLITS


def networks(case: Case) -> list[Observation]:
    """Lists the networks of a study, without values.

    Args:
        case: `Case`, gives the numbers of splits and seeds.

    Returns:
        List of `Observation`, each with the value 0.
    """
    found = []
    for split, seed, half in itertools.product(
        range(case.splits), range(case.seeds), "AB"
    ):
        other = "B" if half == "A" else "A"
        place = split, half, seed
        found.append(Observation(*place, "base", 0, "", 0.0))
        for treatment, n in itertools.product(TREATMENTS, LAYERS):
            own = find_treatment(treatment).source == OWN
            source = half if own else other
            found.append(Observation(*place, treatment, n, source, 0.0))
    return found


def _levels(keys: list) -> np.ndarray:
    known = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    return np.array([known[key] for key in keys])


@dataclasses.dataclass(frozen=True)
class Simulation:
    """Draws values for the networks of a case; effects are truly zero.

    Args:
        case: `Case`, says how much is drawn for what.
        data: Tuple of `Observation`, the networks; their values are not read.
    """

    case: Case
    data: tuple[Observation, ...]

    def draw(
        self, rng: np.random.Generator, studies: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns values, and the part of them that varies by split.

        Args:
            rng: `numpy.random.Generator`.
            studies: Integer.

        Returns:
            Tuple of two float arrays of shape `(studies, networks)`, in
            points.
        """
        case, data = self.case, self.data

        def shared(deviation: float, keys: list) -> np.ndarray:
            levels = _levels(keys)
            return rng.normal(0, deviation, (studies, levels.max() + 1))[
                :, levels
            ]

        alone = {ONE: "AnB+", APART: "AnB"}.get(case.scenario)
        deviation = case.tau if alone else case.tau / 2**0.5
        keys = [(o.split, o.treatment) for o in data]
        if case.scenario == APART:
            keys = [(o.split, o.half, o.cell) for o in data]
        elif case.scenario == EACH_N:
            keys = [(o.split, o.cell) for o in data]
        varied = shared(deviation, keys)
        if alone:
            varied = varied * np.array([o.treatment == alone for o in data])
        values = varied + shared(HALF, [(o.split, o.half) for o in data])
        noise = rng.normal(0, NOISE, values.shape)
        if case.scenario == NOISY:
            noise *= [NOISIER if o.treatment == "AnB" else 1 for o in data]
        values += noise
        if case.scenario == BASES:
            copied = np.array([bool(o.source) for o in data])
            bases = [(o.split, o.seed, o.source) for o in data]
            values += copied * shared(SOURCE, bases)
        return values, varied


def simulate(case: Case, repetitions: int, seed: int) -> list[dict]:
    """Counts how often each interval covers the true effect.

    Args:
        case: `Case`.
        repetitions: Integer, studies made up below three splits.
        seed: Integer.

    Returns:
        List of dicts with the keys `COLUMNS`, one for each effect.
    """
    rng = np.random.default_rng(
        [
            seed,
            case.splits,
            case.seeds,
            int(100 * case.tau),
            SCENARIOS.index(case.scenario),
            *([1] if case.at_one_n else []),
        ]
    )
    data = mixed_model.fit_model(networks(case)).observations
    simulation = Simulation(case, data)
    models = {
        name: _model_of(data, weights) for name, weights in case.effects.items()
    }
    # Batches, so that memory holds two thousand studies at a time.
    batches = 1 if case.few else CHEAP
    beside = repetitions if case.few else -(-repetitions // BESIDE)
    if not case.few and case.seeds > BESIDE_SEEDS:
        beside = 0
    found: dict[str, dict[str, list]] = {
        name: {"pairs": [], "splits": [], "model": []} for name in models
    }
    for batch in range(batches):
        values, varied = simulation.draw(rng, repetitions)
        fitted = {}  # one fit where the effects have the same networks
        for name, weights in case.effects.items():
            model, places = models[name]
            if places not in fitted:
                some = values[: 0 if batch else beside, list(places)]
                fitted[places] = [model.refit(v) for v in some]
            fits = fitted[places]
            rows = pair_weights(data, weights)
            pairs = values @ rows.T
            # Below three splits: the effect in these halves.
            truth = (varied @ rows.T).mean(1) if case.few else 0.0
            own = found[name]
            own["pairs"].append(over(pairs, truth))
            if not case.few:
                splits = pairs.reshape(repetitions, case.splits, -1).mean(2)
                own["splits"].append(over(splits, truth))
            if fits:
                ends = [fit.estimate(weights).interval() for fit in fits]
                truths = truth[:beside] if case.few else truth
                own["model"].append(_held(*np.array(ends).T, truths))
    return [_line(case, name, own) for name, own in found.items()]


def _model_of(data: Observations, weights):
    """Returns the model of a contrast, and the places of its networks."""
    own = primary.modelled(data, weights)
    kept = set(own)
    places = tuple(place for place, o in enumerate(data) if o in kept)
    return mixed_model.fit_model(own), places


def over(numbers: np.ndarray, truth: np.ndarray | float) -> np.ndarray:
    """Says of each study whether Student's 95 % interval holds the truth.

    Args:
        numbers: Float array `(studies, values)`, values taken as independent;
            at least two.
        truth: Float, or an array with one for each study.

    Returns:
        Float array `(studies, 2)`: 1 where it does, else 0, and its width.
    """
    count = numbers.shape[1]
    error = numbers.std(1, ddof=1) / count**0.5
    reach = contrasts.t_quantile((1 + contrasts.LEVEL) / 2, count - 1) * error
    mean = numbers.mean(1)
    return _held(mean - reach, mean + reach, truth)


def _held(low: np.ndarray, high: np.ndarray, truth) -> np.ndarray:
    return np.stack([(low <= truth) & (truth <= high), high - low], 1)


def pair_weights(data, weights) -> np.ndarray:
    """Returns a row for each pair, which turns values into its difference.

    Args:
        data: Sequence of `Observation`.
        weights: Dict from `Cell` to number.
    """
    pairs = _levels([(o.split, o.seed, o.half) for o in data])
    value = np.array([weights.get(o.cell, 0.0) for o in data])
    return (pairs[None] == np.arange(pairs.max() + 1)[:, None]) * value


def _line(case: Case, name: str, found: dict[str, list]) -> dict:
    means = {
        key: np.concatenate(parts).mean(0) if parts else None
        for key, parts in found.items()
    }
    judged = "model" if case.few else "splits"
    model = means["model"]
    return {
        "scenario": case.scenario,
        "splits": case.splits,
        "seeds": case.seeds,
        "tau": case.tau,
        "effect": name,
        "about": contrasts.THESE if case.few else contrasts.OTHERS,
        "method": MODEL if case.few else OVER_SPLITS,
        "studies": sum(map(len, found[judged])),
        "judged_by": f"{100 * means[judged][0]:.1f}",
        "width": f"{means[judged][1]:.2f}",
        "model": "" if model is None else f"{100 * model[0]:.1f}",
        "model_width": "" if model is None else f"{model[1]:.2f}",
        "model_studies": sum(map(len, found["model"])) or "",
        "over_pairs": f"{100 * means['pairs'][0]:.1f}",
    }
