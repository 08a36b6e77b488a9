"""Which networks a study needs, in order of need: bases first."""

import dataclasses

from keras_transfer.errors import UserError
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.origins import ABOVE, HALVES, INITIALIZATIONS
from keras_transfer.specs.presets import Recipe
from keras_transfer.specs.treatments import (
    CHOICES,
    FROM_MODEL,
    FROZEN,
    OWN,
    TRANSFER,
    find_treatment,
)


def long_bases(bases: list[NetworkSpec]) -> list[NetworkSpec]:
    """Lists the bases again with twice as many epochs, one schedule.

    Args:
        bases: List of `NetworkSpec`.

    Returns:
        List of `NetworkSpec`.
    """
    return [_with_epochs(base, 2 * base.solver.epochs) for base in bases]


def _with_epochs(base: NetworkSpec, epochs: int) -> NetworkSpec:
    """Returns a base in one schedule of so many epochs."""
    solver = base.solver
    solver = dataclasses.replace(
        solver,
        epochs=epochs,
        step_every=solver.step_every * epochs // solver.epochs,
    )
    return dataclasses.replace(base, solver=solver)


@dataclasses.dataclass(frozen=True)
class Grid:
    """Which networks of one recipe: each with each.

    Args:
        splits: Tuple of integers, numbers of random splits.
        seeds: Tuple of integers.
        layers: Tuple of integers, the `n`, each 1 to 7.
        treatments: Tuple of strings, among `CHOICES`; empty for the base
            networks alone. An n that a treatment has no networks of is left
            out: all layers above 7 are none.

    Raises:
        UserError: If a value is unknown, out of range or repeated.
    """

    splits: tuple[int, ...]
    seeds: tuple[int, ...]
    layers: tuple[int, ...] = ()
    treatments: tuple[str, ...] = ()

    def __post_init__(self):
        _check_values("layers", self.layers, range(1, 8), "1 to 7")
        _check_values("treatments", self.treatments, CHOICES, list(CHOICES))
        for name in ("splits", "seeds"):
            values = getattr(self, name)
            _check_values(name, values, range(2**31), "0 or more")
            if not values:
                raise UserError(f"Expected at least one number in `{name}`.")
        if self.treatments and not self.layers:
            raise UserError("Expected at least one layer in `layers`.")


def similar_networks(
    dataset: str,
    recipe: Recipe,
    grid: Grid,
    mean: str = "base",
    halves=None,
) -> list[NetworkSpec]:
    """Lists the networks of section 4.1, both directions, bases first.

    Args:
        dataset: String, TFDS name.
        recipe: `Recipe`.
        grid: `Grid`.
        mean: String, `"base"` or `"target"`.
        halves: Pair of tuples of class indices, A and B, or `None` for the
            random halves of each split; section 4.2 divides by kind.

    Returns:
        List of `NetworkSpec`; for one split, one seed, 7 layers and four
        treatments these are 58.

    Reference:
        - [Yosinski et al., 2014](https://arxiv.org/abs/1411.1792), section
          4.1.
    """
    networks = []
    for split in grid.splits:
        for seed in grid.seeds:
            for target in HALVES:
                networks.append(
                    NetworkSpec(
                        data=recipe.data(dataset, split, mean, halves),
                        model=recipe.model,
                        solver=recipe.solver,
                        target=target,
                        seed=seed,
                    )
                )
    rows = [find_treatment(name) for name in grid.treatments]
    return networks + [
        dataclasses.replace(base, **row.settings(base.target, n))
        for base in networks
        for n in sorted(grid.layers)
        for row in rows
        if row.has(n)
    ]


def random_networks(
    bases: list[NetworkSpec],
    layers: tuple[int, ...],
    initializations: tuple[str, ...],
) -> list[NetworkSpec]:
    """Lists section 4.3: the first n layers frozen at their random start.

    Args:
        bases: List of `NetworkSpec`, the base networks to stand beside.
        layers: Tuple of integers, the `n`, each 1 to 7.
        initializations: Tuple of strings, among `INITIALIZATIONS`.

    Returns:
        List of `NetworkSpec`, without the bases.

    Raises:
        UserError: If a value is unknown, out of range or repeated.
    """
    _check_values("layers", layers, range(1, 8), "1 to 7")
    _check_values(
        "initializations",
        initializations,
        INITIALIZATIONS,
        list(INITIALIZATIONS),
    )
    return [
        dataclasses.replace(base, base="random", n=n, initialization=name)
        for base in bases
        for n in sorted(layers)
        for name in initializations
    ]


def all_class_networks(bases: list[NetworkSpec]) -> list[NetworkSpec]:
    """Lists a network on all classes for each split and seed of some bases.

    Args:
        bases: List of `NetworkSpec`.

    Returns:
        List of `NetworkSpec`, one a seed: all classes are all classes,
        whatever the split.
    """
    whole = {}
    for base in bases:
        data = dataclasses.replace(
            base.data, split=0, halves=None, classes_per_half=None
        )
        whole[base.seed] = dataclasses.replace(base, data=data, target="all")
    return list(whole.values())


def same_steps(whole: list[NetworkSpec]) -> list[NetworkSpec]:
    """Lists networks on all classes again with the steps of one on a half.

    A pass over all classes has twice the steps of one over half of them, so
    these have half the epochs.

    Args:
        whole: List of `NetworkSpec`, of `all_class_networks`.

    Returns:
        List of `NetworkSpec`.

    Raises:
        UserError: If the epochs cannot be halved, or an epoch is no pass.
    """
    for spec in whole:
        solver = spec.solver
        if solver.steps_per_epoch is not None:
            raise UserError(
                "Expected `same_steps` without `steps_per_epoch`, which gives "
                "every network as many steps. Received: "
                f"{solver.steps_per_epoch} steps."
            )
        if solver.epochs % 2:
            raise UserError(
                "Expected an even number of `epochs` with `same_steps`, which "
                f"takes half of them. Received: {solver.epochs}."
            )
    return [_with_epochs(spec, spec.solver.epochs // 2) for spec in whole]


def pretrained_networks(
    base: NetworkSpec,
    seeds: tuple[int, ...],
    stages: tuple[int, ...],
    treatments: tuple[str, ...],
) -> list[NetworkSpec]:
    """Lists networks of copied stages of a registered model, and bases.

    Args:
        base: `NetworkSpec` of the model on all classes, from scratch.
        seeds: Tuple of integers.
        stages: Tuple of integers, the `n`, each 1 to `base.top`.
        treatments: Tuple of strings, among `FROM_MODEL`. An n that a
            treatment has no networks of is left out: nothing is above all.

    Returns:
        List of `NetworkSpec`, seed by seed, the base first.

    Raises:
        UserError: If a value is unknown, out of range or repeated.
    """
    allowed = range(1, base.top + 1)
    _check_values("stages", stages, allowed, f"1 to {base.top}")
    _check_values("treatments", treatments, FROM_MODEL, list(FROM_MODEL))
    _check_values("seeds", seeds, range(2**31), "0 or more")
    if not seeds:
        raise UserError("Expected at least one number in `seeds`.")
    networks = []
    for seed in seeds:
        own = dataclasses.replace(base, seed=seed)
        networks.append(own)
        networks += [
            dataclasses.replace(own, **row.settings(own.target, n))
            for row in map(find_treatment, treatments)
            for n in sorted(stages)
            if row.has(n, base.top)
        ]
    return networks


def _check_values(name, values, allowed, expected) -> None:
    for value in values:
        if value not in allowed:
            raise UserError(
                f"Expected `{name}` among {expected}. Received: {value}."
            )
        if values.count(value) > 1:
            raise UserError(
                f"Expected each of `{name}` once. Received {value} twice."
            )


def limited_networks(
    bases: list[NetworkSpec],
    images: tuple[int, ...],
    draws: tuple[int, ...] = (0,),
) -> list[NetworkSpec]:
    """Lists networks from scratch on few training images of each class.

    They take as many steps as the network on all images, as the paper's did.

    Args:
        bases: List of `NetworkSpec` with `steps_per_epoch` set.
        images: Tuple of integers, training images of each class.
        draws: Tuple of integers, which images those are.

    Returns:
        List of `NetworkSpec`.

    Raises:
        UserError: If a number is not positive or repeated.
    """
    _check_values("images", images, range(1, 2**31), "1 or more")
    _check_values("draws", draws, range(2**31), "0 or more")
    return [
        dataclasses.replace(base, target_images=count, draw=draw)
        for base in bases
        for count in images
        for draw in draws
    ]


def few_image_transfers(
    targets: list[NetworkSpec],
    layers: tuple[int, ...],
    modes: tuple[str, ...],
) -> list[NetworkSpec]:
    """Lists transfers from a base on all its images to few target images.

    Args:
        targets: List of `NetworkSpec` from scratch, of `limited_networks`.
        layers: Tuple of integers, the `n`, each 1 to 7.
        modes: Tuple of strings, among `MODES`.

    Returns:
        List of `NetworkSpec`, without bases.

    Raises:
        UserError: If a layer is out of range or repeated.
    """
    _check_values("layers", layers, range(1, 8), "1 to 7")
    other = find_treatment(TRANSFER)
    return [
        dataclasses.replace(
            target, **{**other.settings(target.target, n), "mode": mode}
        )
        for target in targets
        for n in sorted(layers)
        for mode in modes
    ]


def preserved_networks(
    bases: list[NetworkSpec],
    layers: tuple[int, ...],
    preserved: tuple[int, ...],
) -> list[NetworkSpec]:
    """Lists frozen networks that keep copied layers above the cut as well.

    Args:
        bases: List of `NetworkSpec`.
        layers: Tuple of integers, the frozen `n`, each 1 to 7.
        preserved: Tuple of integers, layers above that are copied and
            fine-tuned; 0 is the plain BnB and AnB.

    Returns:
        List of `NetworkSpec`, without bases; where `n` and the layers above
        it come to 8 or more, there is no such network.

    Raises:
        UserError: If a value is out of range or repeated.
    """
    _check_values("layers", layers, range(1, 8), "1 to 7")
    _check_values("preserved", preserved, range(7), "0 to 6")
    rows = [find_treatment(name) for name in FROZEN]
    return [
        dataclasses.replace(base, **row.settings(base.target, n, count or None))
        for base in bases
        for n in sorted(layers)
        for count in preserved
        if n + count <= ABOVE
        for row in rows
    ]


def published_networks(specs: list[NetworkSpec]) -> list[NetworkSpec]:
    """Keeps the networks of section 4.1 that the authors trained.

    Selffers on A halves only, and fine-tuned ones of splits 0 and 1 only.

    Args:
        specs: List of `NetworkSpec` of splits 0 to 3.

    Returns:
        List of `NetworkSpec`: 134 of 232.
    """
    return [
        spec
        for spec in specs
        if (spec.treatment_row.source != OWN or spec.target == "A")
        and (spec.mode == "frozen" or spec.data.split < 2)
    ]
