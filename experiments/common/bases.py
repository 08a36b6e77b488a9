"""The base networks that several scripts start from."""

import dataclasses
from collections.abc import Callable
from typing import Any

from experiments.common.settings import Settings
from keras_transfer.errors import UserError
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.presets import Recipe
from keras_transfer.storage.store import RunStore
from keras_transfer.studies import dataset_facts, grids
from keras_transfer.studies.images import prepare_data
from keras_transfer.studies.reporter import Reporter


def grid_specs(
    settings: Settings, recipe: Recipe, treatments: tuple[str, ...]
) -> list[NetworkSpec]:
    """Lists the networks of the settings' splits, seeds and layers.

    Args:
        settings: `Settings`.
        recipe: `Recipe`.
        treatments: Tuple of strings; empty for the base networks alone.

    Returns:
        List of `NetworkSpec`, bases first.
    """
    return grids.similar_networks(
        settings.dataset,
        recipe,
        grids.Grid(
            recipe.splits,
            recipe.seeds,
            recipe.layers if treatments else (),
            treatments,
        ),
        settings.mean,
    )


def base_specs(settings: Settings, recipe: Recipe) -> list[NetworkSpec]:
    """Lists the base networks of the settings' splits and seeds.

    Args:
        settings: `Settings`.
        recipe: `Recipe`.
    """
    return grid_specs(settings, recipe, ())


def with_bases(
    settings: Settings, list_networks: Callable, *values
) -> list[NetworkSpec]:
    """Lists bases, and the networks that copy or replace layers of them.

    Args:
        settings: `Settings` with splits and layers.
        list_networks: Callable of bases, layers and `values`, of `grids`.
        *values: What it takes beside.

    Returns:
        List of `NetworkSpec`, bases first.
    """
    recipe = settings.resolve()
    bases = base_specs(settings, recipe)
    return bases + list_networks(bases, recipe.layers, *values)


def few_image_bases(
    settings: Settings, recipe: Recipe
) -> tuple[list[NetworkSpec], int]:
    """Lists bases whose number of steps is that on all images.

    Args:
        settings: `Settings`.
        recipe: `Recipe`.

    Returns:
        Tuple of the list of `NetworkSpec`, and the training images of each
        class that there are (of the class with the mean number).

    Raises:
        UserError: If the data set cannot be had.
    """
    facts = find_or_prepare(
        settings, recipe.image_size, dataset_facts.find_facts
    )
    whole = facts.train_images / facts.num_classes
    most = round(whole * (1 - recipe.validation_fraction))
    solver = recipe.solver
    if solver.steps_per_epoch is None:
        images = most * (facts.num_classes // 2)
        steps = max(1, images // solver.batch_size)
        solver = dataclasses.replace(solver, steps_per_epoch=steps)
        recipe = dataclasses.replace(recipe, solver=solver)
    return base_specs(settings, recipe), most


def find_or_prepare(
    settings: Settings, image_size: int, find: Callable[..., Any | None]
) -> Any:
    """Asks what networks depend on, and prepares the data set if need be.

    Args:
        settings: `Settings`.
        image_size: Integer, side in pixels that images are kept at.
        find: Callable, `find_facts` or `find_class_names` of `dataset_facts`.

    Returns:
        What `find` returns of a prepared data set.

    Raises:
        UserError: If the data set cannot be had, or has to be prepared for a
            plan, which writes nothing.
    """
    store = RunStore(settings.log_dir, "images")
    place = (store, settings.dataset, image_size, settings.data_dir)
    found = find(*place)
    if found is not None:
        return found
    if settings.plan:
        dataset_facts.find_facts(*place)  # refuses an unknown name
        raise UserError(
            "Expected a prepared data set for `plan`: which networks there "
            f"are depends on its classes and images. Received: "
            f"{settings.dataset!r}, which was never prepared. Start without "
            "`plan`, which prepares it, or give `data_dir` of a prepared copy."
        )
    store.check_writable()
    prepare_data(*place, Reporter())
    return find(*place)


def check_images(sizes: tuple[int, ...], most: int, dataset: str) -> None:
    """Refuses sizes that are no fewer images than there are.

    Args:
        sizes: Tuple of integers, training images of each class.
        most: Integer, those that there are.
        dataset: String.

    Raises:
        UserError: Naming the first that is too large.
    """
    for size in sizes:
        if size >= most:
            raise UserError(
                f"Expected `images` below {most}, all that {dataset} has of "
                f"a class (they come beside). Received: {size}."
            )
