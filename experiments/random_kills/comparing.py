"""Compares a study that was killed with one that was not, bit by bit."""

import csv
import io
import json
import zipfile
from pathlib import Path

from keras_transfer.storage import tree
from keras_transfer.storage.result import unseal

# Of time, or of the date inside a `.keras` file; weights are compared.
OF_TIME = ("seconds", "resumed_at_epoch", "model_sha256")


def results_of(log_dir: Path) -> dict[str, Path]:
    """Returns the result files of a log folder, by their place in it.

    Args:
        log_dir: Path of the log folder.

    Returns:
        Dict from the place in it to the path of the file.
    """
    paths = tree.find_files(log_dir, "result.json")
    return {str(path.relative_to(log_dir)): path for path in paths}


def _events(folder: Path) -> list:
    from keras_transfer.specs.network import from_dict
    from keras_transfer.storage.event_files import read_events
    from keras_transfer.storage.network_folder import NetworkFolder

    settings = json.loads((folder / "settings.json").read_text())
    network = NetworkFolder(from_dict(settings), folder)
    return sorted(
        (part, event.step, event.summary.SerializeToString())
        for part in ("train", "validation")
        for event in read_events(network.events_dir(part))
    )


def _weights(path: Path) -> dict[str, bytes]:
    import h5py

    found = {}

    def keep(name, item):
        if isinstance(item, h5py.Dataset):
            found[name] = item[()].tobytes()

    with zipfile.ZipFile(path) as archive:
        content = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(content) as file:
        file.visititems(keep)
    return found


def _result(path: Path) -> dict | bytes:
    """Returns what does not tell the time; of a damaged result, its bytes."""
    text = path.read_bytes()
    content = unseal(text)
    if content is None:
        return text
    return {k: v for k, v in content.items() if k not in OF_TIME}


def _without_seconds(path: Path) -> list[dict]:
    with path.open() as file:
        rows = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def compare(reference: Path, log_dir: Path) -> list[str]:
    """Compares a finished study with the one that was not interrupted.

    Args:
        reference: Path of its log folder.
        log_dir: Path of the other.

    Returns:
        List of strings, what differs or was left behind.
    """
    expected, found = results_of(reference), results_of(log_dir)
    if set(expected) != set(found):
        return [f"networks {sorted(set(expected) ^ set(found))}"]
    wrong = []
    for name in expected:
        folders = [path.parent for path in (expected[name], found[name])]
        checks = {
            "result.json": [_result(f / "result.json") for f in folders],
            "model.keras": [_weights(f / "model.keras") for f in folders],
            "event files": [_events(f) for f in folders],
        }
        for file in ("settings.json", "epochs.jsonl", "mean.npy"):
            checks[file] = [(f / file).read_bytes() for f in folders]
        wrong += [f"{name}: {k}" for k, (a, b) in checks.items() if a != b]
        status = json.loads((folders[1] / "status.json").read_text())
        if status["status"] != "COMPLETED":
            wrong.append(f"{name}: status {status['status']}")
        files = {path.name for path in folders[1].iterdir()}
        more = files - {path.name for path in folders[0].iterdir()}
        wrong += [f"{name}: left behind {file}" for file in sorted(more)]
    for path in tree.find_reports(reference):
        other = log_dir / path.relative_to(reference)
        same = other.is_file()
        if same and path.suffix == ".csv":
            same = _without_seconds(path) == _without_seconds(other)
        elif same and path.suffix in (".svg", ".png"):
            same = path.read_bytes() == other.read_bytes()
        if not same:
            wrong.append(str(path.relative_to(reference)))
    return wrong
