"""A study in TensorBoard: accuracy against n, figures, summary, HParams.

Written from results alone, without TensorFlow, next to a study's report.
"""

import glob
import shutil
import struct
from pathlib import Path

from keras_transfer.analysis import balanced, pairs, results
from keras_transfer.analysis.inventory import Group, group_rows
from keras_transfer.analysis.results import Row
from keras_transfer.specs.identity import spec_hash
from keras_transfer.specs.treatments import BASE, BASES
from keras_transfer.storage.event_files import EventFile, has_events
from keras_transfer.storage.network_folder import NetworkFolder
from keras_transfer.storage.store import RunStore
from keras_transfer.storage.tree import EVENTS, STUDY_RUNS


def write_study_events(
    rows: list[Row], paths: list[Path], folder: Path, store: RunStore
) -> None:
    """Writes what TensorBoard shows of a study.

    - a run for each treatment (`base`, `AnB+`): `study/test_accuracy`,
      `study/test_balanced_accuracy` and `study/minus_own_base`, means over
      its networks, with n as the step;
    - the run `report`: figures as images and the summary as text;
    - the run `hparams` of each network: its row of the HParams table.

    The study's own are named by the report's folder and stand first.

    Args:
        rows: List of `Row`.
        paths: List of the report's paths; PNG and Markdown are shown.
        folder: Path of the report, in the store's folder.
        store: `RunStore`; what it has of this report is made anew.
    """
    root = store.log_dir / EVENTS / STUDY_RUNS
    report = folder.relative_to(store.log_dir)
    for old in root.glob(f"*/{glob.escape(str(report))}"):
        shutil.rmtree(old, ignore_errors=True)
    with_transfers = [
        group for group in group_rows(rows) if results.layers_of(group.rows)
    ]
    for index, group in enumerate(with_transfers):
        # Numbers of two recipes are never joined to one curve.
        place = report / f"recipe{index + 1}" if index else report
        if group.paired:
            _write_curves(group, root, place)
    with EventFile(root / "report" / report, first=True) as events:
        for path in paths:
            tag = path.stem
            if path.parent != paths[0].parent:
                tag = f"{path.parent.name}/{tag}"
            if path.suffix == ".png":
                png = path.read_bytes()
                events.image(f"figures/{tag}", png, _png_size(png), 0)
            elif path.suffix == ".md":
                events.text(tag, path.read_text())
    gains = pairs.own_gains(rows)
    for row in rows:
        _write_network(row, gains.get(row.spec), store.network(row.spec))


def _write_curves(group: Group, root: Path, place: Path) -> None:
    rows = group.compared
    layers = results.layers_of(rows)
    for treatment in dict.fromkeys(row.spec.treatment for row in rows):
        bases = treatment in BASES
        with EventFile(root / treatment / place, first=True) as events:
            # A base stands beside every n, as a level to compare with.
            for n in [0, *layers] if bases else layers:
                own = (rows, treatment, 0 if bases else n)
                mean = results.mean_accuracy(*own)
                difference = (
                    None
                    if bases
                    else results.paired_difference(rows, treatment, BASE, n, n)
                )
                values = {
                    "study/test_accuracy": mean and mean.mean,
                    "study/test_balanced_accuracy": balanced.mean_balanced(
                        *own
                    ),
                    "study/minus_own_base": (
                        difference.mean if difference else None
                    ),
                }
                events.scalars(values, n)


def _write_network(
    row: Row, gain: float | None, network: NetworkFolder
) -> None:
    spec = row.spec
    name = f"{spec.division}/{spec.label}/seed{spec.seed}-{spec.network_id}"
    values = {
        "data set": spec.data.name,
        "base": spec.base or "none",
        "target": spec.target,
        "n": spec.n,
        "treatment": spec.treatment,
        "split": spec.data.split,
        "seed": spec.seed,
        "learning rate": spec.solver.learning_rate,
    }
    if spec.target_images is not None:
        values |= {"target images": spec.target_images, "draw": spec.draw}
    reached = {
        "hparams/test_accuracy": row.accuracy,
        "hparams/test_balanced_accuracy": row.result.test_balanced_accuracy,
        "hparams/minus_own_base": None if spec.is_base else gain,
        "hparams/val_accuracy": row.result.val_accuracy,
    }
    folder = network.events_dir("hparams")
    mark = spec_hash({"name": name, "values": values, "reached": reached})
    # Of thousands of networks, most are as they were.
    if has_events(folder, mark):
        return
    with EventFile(folder, replaces=True, mark=mark) as events:
        events.hparams(values, name)
        events.scalars(reached, 0)
        events.publish()


def _png_size(png: bytes) -> tuple[int, int]:
    """Reads height and width from a PNG's header, its first chunk."""
    width, height = struct.unpack(">II", png[16:24])
    return height, width
