"""How sure a study will be, said before it is trained.

The noise of a network and the spread of effects are taken from committed
results; see `COMPONENTS`.
"""

import dataclasses
import itertools
from collections.abc import Iterable

import numpy as np

from keras_transfer.analysis import primary, reml
from keras_transfer.analysis.contrasts import (
    LEVEL,
    OTHERS,
    Observation,
    Weights,
    t_quantile,
)
from keras_transfer.analysis.mixed_model import MixedModel, fit_model
from keras_transfer.specs.treatments import BASE

TEST_IMAGES = 5000  # of a half of CIFAR-100, whose noise this is
POWER = 0.8
# Standard deviations of accuracy. The residual lies between those of the
# model of cifar100-similar (0.45 points) and cifar100-boost (0.41), and the
# 0.46 from seed to seed and 0.43 to 0.50 of other fits to the same data; the
# spread of effects is that of cifar100-boost, of four splits.
COMPONENTS = {
    "split": 0.0,
    "half": 0.0234,
    "split x treatment": 0.0012,
    "half x treatment": 0.0030,
    "source base": 0.0,
    "residual": 0.0047,
}
SOURCE = (
    "noise of a network 0.47 points at 5,000 test images, effects that "
    "differ by 0.3 between halves: logs/published/cifar100-similar and "
    "cifar100-boost"
)


@dataclasses.dataclass(frozen=True)
class Expected:
    """What a planned study can tell of one contrast.

    Args:
        width: Float, half the width of the 95 % interval.
        seen: Float, the smallest true effect told from zero in four of five
            such studies.
        excluded: Float, the smallest margin within which an effect of truly
            zero is shown to lie in four of five such studies.
        scope: String, what the interval is about.
    """

    width: float
    seen: float
    excluded: float
    scope: str

    def line(self, name: str, margin: float | None) -> str:
        """Says it, for a plan.

        Args:
            name: String, what is compared.
            margin: Float, within which an effect counts as absent; `None` if
                it cannot be.
        """
        text = (
            f"{name}: ± {100 * self.width:.1f} points; tells an effect of "
            f"{100 * self.seen:.1f} from none"
        )
        if margin is not None:
            able = self.excluded <= margin
            text += f", {'can' if able else 'cannot'} show one below "
            text += f"{100 * margin:.1f} absent"
        return f"{text} ({self.scope})"


def planned_networks(
    splits: int, seeds: int, layers: Iterable[int], treatments: Iterable[str]
) -> list[Observation]:
    """Lists the networks of a study that has not been trained.

    Args:
        splits, seeds: Integers, how many.
        layers: Iterable of integers.
        treatments: Iterable of strings such as `"AnB+"`.

    Returns:
        List of `Observation` of value 0, base networks included.
    """
    networks = []
    for split, seed, half in itertools.product(
        range(splits), range(seeds), "AB"
    ):
        place, other = (split, half, seed), "B" if half == "A" else "A"
        networks.append(Observation(*place, BASE, 0, "", 0.0))
        for treatment, n in itertools.product(treatments, layers):
            source = half if treatment.startswith("B") else other
            networks.append(Observation(*place, treatment, n, source, 0.0))
    return networks


def residual(test_images: int = TEST_IMAGES) -> float:
    """Returns the noise of a network's accuracy, for so many test images.

    Most of what differs from run to run is which of the test images are
    hit, so that it falls with their root.

    Args:
        test_images: Integer, of a half. Defaults to 5,000.

    Reference:
        - [Jordan, 2023](https://arxiv.org/abs/2304.01910).
    """
    return COMPONENTS["residual"] * (TEST_IMAGES / test_images) ** 0.5


def plan_model(
    networks: Iterable[Observation], noise: float = COMPONENTS["residual"]
) -> MixedModel:
    """Returns a model that knows its variances, of networks to come.

    Args:
        networks: Iterable of `Observation`.
        noise: Float, the residual's standard deviation. Defaults to that of
            `COMPONENTS`.

    Returns:
        `MixedModel`, whose estimates are 0 with the expected errors.
    """
    model = fit_model(networks)
    known = COMPONENTS | {"residual": noise}
    variances = np.array([known[k] ** 2 for k in (*model.effects, "residual")])
    patterns = [reml.Pattern(x, g, model.values[p]) for x, g, p in model.frames]
    fitted = reml.fit_known(patterns, variances) if model.has_residual else None
    return dataclasses.replace(model, fitted=fitted)


def expect(
    networks: Iterable[Observation],
    weights: Weights,
    test_images: int = TEST_IMAGES,
) -> Expected | None:
    """Says how well a planned study will know a contrast.

    All pairs are planned alike, so that the mean over splits, which studies
    take from three splits on, has the error of the model that knows its
    variances.

    Args:
        networks: Iterable of `Observation`, such as `planned_networks`.
        weights: Dict from `Cell` to number.
        test_images: Integer, of a half. Defaults to 5,000.

    Returns:
        `Expected`, or `None` if it cannot be estimated.
    """
    planned = primary.modelled(networks, weights)
    estimate = plan_model(planned, residual(test_images)).estimate(weights)
    if estimate is None or estimate.error is None:
        return None
    df = estimate.df
    if estimate.scope == OTHERS:
        # The rule of `primary`: Student's t over splits.
        df = estimate.splits - 1
    return expected_of(estimate.error, df, estimate.scope)


def expected_of(error: float, df: float, scope: str) -> Expected:
    """Says what an estimate of so large an error can tell.

    Args:
        error: Float, its standard error.
        df: Float, degrees of freedom of that error.
        scope: String, what the estimate is about.

    Returns:
        `Expected`, in the unit of the error.
    """
    upper, one_sided, power, both = (
        t_quantile(share, df)
        for share in ((1 + LEVEL) / 2, LEVEL, POWER, (1 + POWER) / 2)
    )
    return Expected(
        float(upper * error),
        float((upper + power) * error),
        float((one_sided + both) * error),
        scope,
    )
