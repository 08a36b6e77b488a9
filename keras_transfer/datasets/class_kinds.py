"""Natural and man-made classes of section 4.2, for the sets we know.

Half A is man-made and half B natural, as in the paper's text; a user's file
names sides of its own. Names are no part of a network's identity: they are
filed beside the results.
"""

import json
import os
import re
import unicodedata
from pathlib import Path

import numpy as np

from keras_transfer.errors import UserError
from keras_transfer.specs.identity import spec_hash
from keras_transfer.specs.paths import user_path
from keras_transfer.storage.files import read_json, write_atomically

KINDS = ("man-made", "natural")
NAMES_FOLDER = "divisions"  # of a log folder
_BALANCE_KEY = 20141108

# CIFAR-100's superclasses, by its own division
# (https://www.cs.toronto.edu/~kriz/cifar.html). People count as natural, as
# do the ball player and the scuba diver in the paper's lists; so do outdoor
# scenes that nobody built, and plants and animals that people breed.
_CIFAR100 = {
    "natural": {
        "aquatic mammals": "beaver dolphin otter seal whale",
        "fish": "aquarium_fish flatfish ray shark trout",
        "flowers": "orchid poppy rose sunflower tulip",
        "fruit and vegetables": "apple mushroom orange pear sweet_pepper",
        "insects": "bee beetle butterfly caterpillar cockroach",
        "large carnivores": "bear leopard lion tiger wolf",
        "large natural outdoor scenes": "cloud forest mountain plain sea",
        "large omnivores and herbivores": (
            "camel cattle chimpanzee elephant kangaroo"
        ),
        "medium-sized mammals": "fox porcupine possum raccoon skunk",
        "non-insect invertebrates": "crab lobster snail spider worm",
        "people": "baby boy girl man woman",
        "reptiles": "crocodile dinosaur lizard snake turtle",
        "small mammals": "hamster mouse rabbit shrew squirrel",
        "trees": "maple_tree oak_tree palm_tree pine_tree willow_tree",
    },
    "man-made": {
        "food containers": "bottle bowl can cup plate",
        "household electrical devices": (
            "clock keyboard lamp telephone television"
        ),
        "household furniture": "bed chair couch table wardrobe",
        "large man-made outdoor things": (
            "bridge castle house road skyscraper"
        ),
        "vehicles 1": "bicycle bus motorcycle pickup_truck train",
        "vehicles 2": "lawn_mower rocket streetcar tank tractor",
    },
}


def _cifar100() -> dict[str, list[int]]:
    names = {
        kind: [name for group in groups.values() for name in group.split()]
        for kind, groups in _CIFAR100.items()
    }
    # TFDS lists the fine classes in alphabetical order.
    order = sorted(names["natural"] + names["man-made"])
    return {
        kind: sorted(order.index(name) for name in listed)
        for kind, listed in names.items()
    }


def _imagenet() -> dict[str, list[int]]:
    # The authors' lists as ranges of class indices, in the order of sorted
    # WordNet ids (https://github.com/yosinski/convnet_transfer).
    natural = [*range(398), *range(936, 959), 970, *range(972, 999)]
    man_made = sorted(set(range(1000)) - set(natural))
    return {"natural": natural, "man-made": man_made}


def _synthetic_shapes() -> dict[str, list[int]]:
    # Its first ten classes are organic outlines, the others lattices.
    return {"natural": [*range(10)], "man-made": [*range(10, 20)]}


_KNOWN = {
    "cifar100": _cifar100,
    "imagenet2012": _imagenet,
    "synthetic_shapes": _synthetic_shapes,
}


def known_kinds(dataset: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Returns the man-made and the natural classes of a known data set.

    Args:
        dataset: String, TFDS name.

    Returns:
        Pair of sorted tuples of class indices, man-made (A) and natural (B).

    Raises:
        UserError: If the data set is not known.
    """
    if dataset not in _KNOWN:
        raise UserError(
            f"No list of natural and man-made classes of {dataset!r}: known "
            f"are {sorted(_KNOWN)}. Give `classes=FILE` with the sections "
            "[man-made] and [natural], a class name a line."
        )
    kinds = _KNOWN[dataset]()
    return tuple(kinds["man-made"]), tuple(kinds["natural"])


def _names_path(folder: Path, dataset: str, halves: tuple) -> Path:
    return (
        Path(folder) / f"{spec_hash({'set': dataset, 'halves': halves})}.json"
    )


def write_names(
    folder: Path, dataset: str, halves: tuple, names: tuple[str, str]
) -> None:
    """Files what the sides of a division are called.

    Args:
        folder: Path, made if it is not there.
        dataset: String, TFDS name.
        halves: Pair of tuples of class indices, A and B.
        names: Pair of strings.
    """
    path = _names_path(folder, dataset, halves)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"dataset": dataset, "sides": names, "halves": halves}
    write_atomically(path, json.dumps(content))


def read_names(folder: Path, dataset: str, halves: tuple) -> tuple[str, str]:
    """Returns what the sides of a division are called.

    Args:
        folder: Path that `write_names` wrote to.
        dataset: String, TFDS name.
        halves: Pair of tuples of class indices, A and B.

    Returns:
        Pair of strings: those that were filed, else those of `name_sides`.
    """
    content = read_json(_names_path(folder, dataset, halves))
    sides = content.get("sides") if isinstance(content, dict) else None
    if isinstance(sides, list) and len(sides) == 2:
        return str(sides[0]), str(sides[1])
    return name_sides(dataset, halves)


def name_sides(dataset: str, halves: tuple) -> tuple[str, str]:
    """Names the sides of a division by the kinds of classes they hold.

    Args:
        dataset: String, TFDS name.
        halves: Pair of tuples of class indices, A and B.

    Returns:
        Pair of strings: `"man-made"` and `"natural"`, in whichever order
        fits, where every class of a side is of that kind; else `"side A"`
        and `"side B"`.
    """
    if dataset in _KNOWN:
        known = dict(zip(KINDS, map(set, known_kinds(dataset)), strict=True))
        for names in (KINDS, KINDS[::-1]):
            pairs = zip(halves, names, strict=True)
            if all(set(half) <= known[name] for half, name in pairs):
                return names
    return "side A", "side B"


def read_kinds(
    path: str, class_names: list[str]
) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], tuple[str, str]]:
    """Reads two lists of classes from a text file.

    The file has two sections, each a line `[name]` and then a class name a
    line. The first section is half A. Classes that are in neither are left
    out. `#` begins a comment at the start of a line or after a space. A
    line that is a class's whole name is that class, even one such as `c #4`
    or `[red]`; only the first line is always a section.

    Args:
        path: String.
        class_names: List of strings, all classes of the data set.

    Returns:
        Tuple of a pair of sorted tuples of class indices, A and B, and the
        pair of the sections' names.

    Raises:
        UserError: If the file cannot be read, has not two sections, a class
            is unknown or listed twice, or a side has fewer than two.
    """
    try:
        # Editors on Windows put a byte-order mark first.
        with user_path(path).open(encoding="utf-8-sig") as file:
            lines = [_without_comment(line, class_names) for line in file]
    except OSError as error:
        raise UserError(
            f"Cannot read the class file {os.fspath(path)}: {error}."
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"Cannot read the class file {os.fspath(path)}: {error}. Save it "
            "as UTF-8."
        ) from error
    sections: dict[str, list[int]] = {}
    seen: dict[str, str] = {}
    current = None
    for line in filter(None, lines):
        is_class = current is not None and line in class_names
        if line.startswith("[") and line.endswith("]") and not is_class:
            current = line[1:-1].strip()
            sections.setdefault(current, [])
            continue
        if current is None:
            raise UserError(
                f"{path}: expected a section such as [natural] before the "
                f"first class. Received: {line!r}."
            )
        if line not in class_names:
            raise UserError(
                f"{path}: unknown class {line!r}. Known are, for instance, "
                f"{class_names[:3]} ({len(class_names)} in all)."
            )
        if line in seen:
            raise UserError(
                f"{path}: class {line!r} is listed twice, under "
                f"[{seen[line]}] and [{current}]. Keep one."
            )
        seen[line] = current
        sections[current].append(class_names.index(line))
    if len(sections) != 2:
        raise UserError(
            f"{path}: expected two sections such as [man-made] and "
            f"[natural]. Received: {list(sections)}."
        )
    for name, classes in sections.items():
        if len(classes) < 2:
            raise UserError(
                f"{path}: section [{name}] has {len(classes)} classes, "
                "expected at least 2."
            )
    (one, first), (other, second) = sections.items()
    return (tuple(sorted(first)), tuple(sorted(second))), (one, other)


def _without_comment(line: str, class_names: list[str]) -> str:
    # File systems and editors write one accented letter in two ways.
    line = unicodedata.normalize("NFC", line.strip())
    known = {unicodedata.normalize("NFC", name): name for name in class_names}
    if line not in known:
        line = re.split(r"(?:^|\s)#", line)[0].strip()
    return known.get(line, line)


def balance(
    halves: tuple[tuple[int, ...], tuple[int, ...]], split: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Drops classes of the larger side at random until both have as many.

    Args:
        halves: Pair of tuples of class indices.
        split: Integer, number of the draw.

    Returns:
        Pair of sorted tuples of class indices.
    """
    count = min(len(half) for half in halves)
    rng = np.random.default_rng([_BALANCE_KEY, split])
    first, second = (
        tuple(sorted(int(c) for c in rng.permutation(half)[:count]))
        for half in halves
    )
    return first, second
