"""Which images a folder holds, of which class and part. Names only.

A folder for each class, optionally below `train/`, `validation/` and `test/`.
No file is opened, so a plan of a large folder is quick.
"""

import dataclasses
import os
import unicodedata
from pathlib import Path

from keras_transfer.errors import UserError
from keras_transfer.specs.paths import user_path

SUFFIXES = (
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".png",
    ".bmp",
    ".gif",
    ".webp",
)
# Names of parts, as people call them.
PART_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}
_LITTER = ("thumbs.db", "desktop.ini", "__macosx")
ALL = "all"  # the one part of a folder without parts


@dataclasses.dataclass(frozen=True)
class FoundImage:
    """An image's file.

    Args:
        path: Path.
        relative: String, path below the folder, NFC, with slashes.
        label: Integer, place of its class in the listing.
        size: Integer, bytes.
        changed: Integer, time of its last change in nanoseconds.
    """

    path: Path
    relative: str
    label: int
    size: int
    changed: int


@dataclasses.dataclass(frozen=True)
class Listing:
    """All images of a folder, in an order that does not change.

    Args:
        class_names: Tuple of strings, NFC, sorted.
        images: Dict from `"train"`, `"validation"`, `"test"`, or from
            `"all"` for a folder without parts, to tuples of `FoundImage`
            sorted by relative path.
        part_folders: Dict from a part to its folder's name.
        notices: Tuple of strings, what was left out.
    """

    class_names: tuple[str, ...]
    images: dict[str, tuple[FoundImage, ...]]
    part_folders: dict[str, str]
    notices: tuple[str, ...]


class _LeftOut:
    """Collects files that are no images, by reason."""

    def __init__(self, root: Path):
        self.root = root
        self.found: dict[str, list[str]] = {}

    def add(self, reason: str, path: Path) -> None:
        relative = path.relative_to(self.root).as_posix()
        self.found.setdefault(reason, []).append(relative)

    def below(self, folder: Path) -> list[str]:
        start = f"{folder.relative_to(self.root).as_posix()}/"
        return [
            path
            for paths in self.found.values()
            for path in paths
            if path.startswith(start)
        ]

    def notices(self) -> list[str]:
        return [
            f"{self.root}: left out {reason}: {listed(paths)}."
            for reason, paths in sorted(self.found.items())
        ]


def listed(names: list[str], most: int = 3) -> str:
    """Names a few of many things: `"a, b, c and 4 more"`.

    Args:
        names: List of strings.
        most: Integer, how many are named. Defaults to 3.

    Returns:
        String.
    """
    text = ", ".join(names[:most])
    rest = len(names) - most
    return f"{text} and {rest:,} more" if rest > 0 else text


def list_images(folder: str | Path) -> Listing:
    """Lists the images of a folder that has a folder for each class.

    Hidden files, files of other kinds and links that lead nowhere or in a
    circle are left out, and a notice names them. Links to images or folders
    elsewhere are followed. Images in folders below a class's belong to it.

    Args:
        folder: String or path.

    Returns:
        `Listing`.

    Raises:
        UserError: If there is no such folder, a class has no image, one has
            none to train on, or a name cannot be used.
    """
    root = user_path(folder)
    _check_folder(root)
    left_out = _LeftOut(root)
    folders = _folders_of(root, left_out)
    parts = _find_parts(root, folders, left_out)
    found = {
        part: _list_classes(root, place, left_out)
        for part, place in (parts or {ALL: root}).items()
    }
    names = sorted({name for classes in found.values() for name in classes})
    _check_classes(root, names, found, left_out, folders)
    label_of = {name: label for label, name in enumerate(names)}
    images = {
        part: _sorted_images(root, classes, label_of)
        for part, classes in found.items()
    }
    return Listing(
        tuple(names),
        images,
        {part: place.name for part, place in parts.items()},
        (
            *left_out.notices(),
            *_absent_notices(root, names, found),
        ),
    )


def _check_folder(root: Path) -> None:
    if root.is_dir():
        return
    received = "a file" if root.exists() else "nothing there"
    cure = "Check the path."
    if root.is_file():
        cure = "Unpack an archive first, and give the folder that holds it."
    raise UserError(
        "Expected `images` to be a folder with a folder of images for each "
        f"class. Received: {str(root)!r} ({received}). {cure}"
    )


def _scan(folder: Path) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise UserError(
            f"Cannot read the folder {str(folder)!r}: {error.strerror}."
        ) from error


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LITTER


def _folders_of(folder: Path, left_out: _LeftOut) -> list[Path]:
    """Returns the folders in one; files beside them are left out."""
    folders = []
    for entry in _scan(folder):
        path = folder / entry.name
        if _is_hidden(entry.name):
            left_out.add("hidden files", path)
        elif entry.is_dir():
            folders.append(path)
        else:
            left_out.add("files in no class's folder", path)
    return folders


def _find_parts(
    root: Path, folders: list[Path], left_out: _LeftOut
) -> dict[str, Path]:
    """Returns the folders of parts; none if the folders are classes."""
    part_of = {n: part for part, names in PART_NAMES.items() for n in names}
    parts: dict[str, Path] = {}
    others = []
    for path in folders:
        part = part_of.get(path.name.lower())
        if part is None or not _holds_folders(path):
            # A class may be called "train", too: it holds images.
            others.append(path)
        elif part in parts:
            raise UserError(
                f"{str(root)!r} has two folders of {part} images: "
                f"{parts[part].name!r} and {path.name!r}. Keep one."
            )
        else:
            parts[part] = path
    if not parts:
        return {}
    for path in [path for path in others if path.name.lower() in part_of]:
        # A benchmark's test images, all in one folder.
        others.remove(path)
        left_out.add("folders of images without a class", path)
    if others:
        names = listed([repr(path.name) for path in others])
        raise UserError(
            f"{str(root)!r} mixes parts ("
            f"{', '.join(repr(p.name) for p in parts.values())}) and other "
            f"folders ({names}). Expected folders of classes, or parts alone "
            "with a folder for each class in them. Move the others away."
        )
    if "train" not in parts:
        raise UserError(
            f"{str(root)!r} has no 'train' folder. Received: "
            f"{', '.join(repr(p.name) for p in parts.values())}."
        )
    return parts


def _holds_folders(path: Path) -> bool:
    entries = [entry for entry in _scan(path) if not _is_hidden(entry.name)]
    return any(entry.is_dir() for entry in entries)


def _list_classes(
    root: Path, place: Path, left_out: _LeftOut
) -> dict[str, list[Path]]:
    """Returns the images of each class of a part."""
    classes: dict[str, list[Path]] = {}
    folders = [] if place == root else _folders_of(place, left_out)
    if place == root:
        folders = _folders_of(place, _LeftOut(root))  # they are named already
    for folder in folders:
        name = _checked_name(folder)
        if name in classes:
            raise UserError(
                f"{str(place)!r} has two folders whose names read {name!r} "
                "(their letters are coded in two ways). Keep one."
            )
        classes[name] = []
        above = [os.path.realpath(root), os.path.realpath(place)]
        _walk(folder, above, classes[name], left_out)
    return classes


def _checked_name(path: Path) -> str:
    name = unicodedata.normalize("NFC", path.name)
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise UserError(
            f"The name of a class is not UTF-8: {os.fsencode(path.name)!r} in "
            f"{str(path.parent)!r}. Rename the folder."
        ) from error
    if not name.isprintable() or name != name.strip():
        raise UserError(
            f"The name of a class begins or ends with a space, or has signs "
            f"that cannot be printed: {name!r} in {str(path.parent)!r}. "
            "Rename the folder."
        )
    return name


def _walk(
    folder: Path, above: list[str], found: list[Path], left_out: _LeftOut
) -> None:
    real = os.path.realpath(folder)
    if real in above:
        left_out.add("links that lead in a circle", folder)
        return
    for entry in _scan(folder):
        path = folder / entry.name
        if _is_hidden(entry.name):
            left_out.add("hidden files", path)
        elif _is_broken(entry, path):
            left_out.add("links that lead nowhere", path)
        elif entry.is_dir():
            _walk(path, [*above, real], found, left_out)
        elif path.suffix.lower() in SUFFIXES and entry.is_file():
            found.append(path)
        else:
            left_out.add("files of other kinds", path)


def _is_broken(entry: os.DirEntry, path: Path) -> bool:
    try:
        return entry.is_symlink() and not path.exists()
    except OSError:  # a link to itself
        return True


def _check_classes(root, names, found, left_out, folders) -> None:
    counts = {
        name: sum(len(classes.get(name, ())) for classes in found.values())
        for name in names
    }
    empty = [name for name in names if not counts[name]]
    if not names or len(empty) == len(names) or len(names) == 1:
        cure = ""
        if len(folders) == 1:
            cure = f" Did you mean {str(folders[0])!r}?"
        others = [path for paths in left_out.found.values() for path in paths]
        if others:
            cure += f" Other files there: {listed(others)}."
        count = len(names) - len(empty)
        raise UserError(
            f"Expected a folder of images ({' '.join(SUFFIXES)}) for each "
            f"class in {str(root)!r}. Received: {count} such "
            f"folder{'s' * (count != 1)}.{cure}"
        )
    if empty:
        places = (root / name for name in empty[:1])
        beside = [f for place in places for f in left_out.below(place)]
        files = f" Other files there: {listed(beside)}." if beside else ""
        raise UserError(
            f"{str(root)!r} has classes without an image: "
            f"{listed([repr(n) for n in empty])}. Add images or delete the "
            f"folders.{files}"
        )
    if "train" in found:
        untrained = [name for name in names if not found["train"].get(name)]
        if untrained:
            raise UserError(
                f"{str(root)!r} has classes without an image to train on: "
                f"{listed([repr(n) for n in untrained])}. Add images to the "
                "training folder, or delete the class from the others."
            )


def _absent_notices(root: Path, names: list[str], found: dict) -> list[str]:
    texts = []
    for part, classes in found.items():
        absent = [name for name in names if not classes.get(name)]
        if absent and part != ALL:
            texts.append(
                f"{root}: classes without a {part} image: "
                f"{listed([repr(name) for name in absent])}."
            )
    return texts


def _sorted_images(
    root: Path, classes: dict[str, list[Path]], label_of: dict[str, int]
) -> tuple[FoundImage, ...]:
    images = []
    for name, paths in classes.items():
        for path in paths:
            try:
                status = path.stat()
            except OSError as error:
                raise UserError(
                    f"Cannot read {str(path)!r}: {error.strerror}."
                ) from error
            relative = path.relative_to(root).as_posix()
            images.append(
                FoundImage(
                    path,
                    unicodedata.normalize("NFC", relative),
                    label_of[name],
                    status.st_size,
                    status.st_mtime_ns,
                )
            )
    return tuple(sorted(images, key=lambda image: image.relative))
