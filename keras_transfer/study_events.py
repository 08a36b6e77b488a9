"""A study in TensorBoard: accuracy against n, figures, summary, HParams.

Written from results alone, without TensorFlow, next to a study's report.
"""

import shutil
import struct
from pathlib import Path

from keras_transfer import pairs, results
from keras_transfer.events import EventFile
from keras_transfer.results import Row
from keras_transfer.survey import Group, group_rows


def write_study_events(
    rows: list[Row], paths: list[Path], folder: Path
) -> None:
    """Writes what TensorBoard shows of a study.

    - a run for each treatment (`base`, `AnB+`): `study/test_accuracy` and
      `study/minus_own_base`, means over its networks, with n as the step;
    - the run `report`: figures as images and the summary as text;
    - a run below `networks` for each network: its row of the HParams table.

    Args:
        rows: List of `Row`.
        paths: List of the report's paths; PNG and Markdown are shown.
        folder: Path; made anew.
    """
    shutil.rmtree(folder, ignore_errors=True)
    with_transfers = [
        group for group in group_rows(rows) if results.layers_of(group.rows)
    ]
    for index, group in enumerate(with_transfers):
        # Numbers of two recipes are never joined to one curve.
        place = folder / f"recipe{index + 1}" if index else folder
        if group.paired:
            _write_curves(group, place)
    with EventFile(folder / "report") as events:
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
        _write_network(row, gains.get(row.spec), folder / "networks")


def _write_curves(group: Group, folder: Path) -> None:
    rows = group.compared
    layers = results.layers_of(rows)
    for treatment in dict.fromkeys(row.spec.treatment for row in rows):
        bases = treatment in ("base", "baseAll")
        with EventFile(folder / treatment) as events:
            # A base stands beside every n, as a level to compare with.
            for n in [0, *layers] if bases else layers:
                mean = results.mean_accuracy(rows, treatment, 0 if bases else n)
                difference = results.paired_difference(
                    rows, treatment, "base", n, n
                )
                values = {
                    "study/test_accuracy": mean and mean.mean,
                    "study/minus_own_base": (
                        difference.mean if difference and not bases else None
                    ),
                }
                events.scalars(values, n)


def _write_network(row: Row, gain: float | None, folder: Path) -> None:
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
    with EventFile(folder / name) as events:
        events.hparams(values, name)
        events.scalars(
            {
                "hparams/test_accuracy": row.accuracy,
                "hparams/minus_own_base": None if spec.base is None else gain,
                "hparams/val_accuracy": row.result["val_accuracy"],
            },
            0,
        )


def _png_size(png: bytes) -> tuple[int, int]:
    """Reads height and width from a PNG's header, its first chunk."""
    width, height = struct.unpack(">II", png[16:24])
    return height, width
