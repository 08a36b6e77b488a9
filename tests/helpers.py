"""Finished networks made up for tests of numbers, tables and figures."""

import dataclasses

from keras_transfer.analysis.results import Row
from keras_transfer.storage.result import Result


def made_up_row(spec, accuracy, **changes):
    """Returns a `Row` with a given test accuracy.

    Args:
        spec: `NetworkSpec` to start from.
        accuracy: Float.
        **changes: Fields of the spec; `split` is the split.
    """
    split = changes.pop("split", 0)
    data = dataclasses.replace(spec.data, split=split)
    changed = dataclasses.replace(spec, data=data, **changes)
    tensor = {
        "frozen": changed.n > 0 and changed.mode == "frozen",
        "target_path": "cnn8/conv1/kernel",
        "source_path": "conv1/kernel" if changed.n else None,
        "shape": [3, 3, 3, 8],
        "source_sha256": "same" if changed.n else None,
        "before_sha256": "same",
        "after_sha256": "same",
    }
    result = Result(
        test_accuracy=accuracy,
        test_loss=1.0,
        val_accuracy=accuracy,
        val_best10=accuracy,
        train_accuracy=0.9,
        train_loss=0.3,
        classes=["a", "b", "c", "d"],
        seconds=60.0,
        data_version="1.0.0",
        data_fingerprint="f",
        resumed_at_epoch=[],
        proof=[tensor],
    )
    return Row(changed, result)


def with_result(row, **changes):
    """Returns a `Row` whose result differs in some fields.

    Args:
        row: `Row`.
        **changes: Fields of its `Result`.
    """
    result = dataclasses.replace(row.result, **changes)
    return dataclasses.replace(row, result=result)


def made_up_study(spec, layers=(1, 5, 7), splits=(0, 1)):
    """Returns rows with the known losses of a study.

    The halves differ in difficulty (A 0.60, B 0.70; split 1 0.02 easier).
    BnB loses 0.03 at n = 5, specificity costs 0.01 * (n - 1), fine-tuned
    selffers gain 0.01 and fine-tuned transfers 0.02; each pair adds a little
    of its own, so that intervals have a width.
    """
    rows = []
    for split in splits:
        for target, level in (("A", 0.60), ("B", 0.70)):
            other = "B" if target == "A" else "A"
            base = level + 0.02 * split
            wobble = 0.001 * (1 if (split + (target == "A")) % 2 else -1)
            rows.append(
                made_up_row(spec, base, split=split, target=target, base=None)
            )
            for n in layers:
                dip = 0.03 if n == 5 else 0.0
                for half, mode, accuracy in (
                    (target, "frozen", base - dip),
                    (other, "frozen", base - dip - 0.01 * (n - 1)),
                    (target, "finetuned", base + 0.01),
                    (other, "finetuned", base + 0.02),
                ):
                    rows.append(
                        made_up_row(
                            spec,
                            accuracy + wobble * n,
                            split=split,
                            target=target,
                            base=half,
                            n=n,
                            mode=mode,
                        )
                    )
    return rows


def with_long_bases(rows, gain):
    """Adds each base again, trained for twice the epochs."""
    longer = []
    for row in rows:
        if row.spec.is_base:
            solver = dataclasses.replace(
                row.spec.solver, epochs=2 * row.spec.solver.epochs
            )
            spec = dataclasses.replace(row.spec, solver=solver)
            more = with_result(row, test_accuracy=row.accuracy + gain)
            longer.append(dataclasses.replace(more, spec=spec))
    return [*rows, *longer]


def summary_text(paths):
    """Returns the summary among the files of a report."""
    (path,) = (path for path in paths if path.name == "summary.md")
    return path.read_text()


# As `settings.json` of a base of the default recipe held them before label
# smoothing, the linear schedule and the momentum of batch normalisation.
EARLIER_SETTINGS = {
    "data": {
        "name": "cifar100",
        "split": 0,
        "image_size": 32,
        "crop": 28,
        "mirror": True,
        "views": 6,
        "images_per_class": None,
        "halves": None,
        "validation_fraction": 0.1,
        "mean": "base",
        "scale": 0.015625,
        "channels": None,
    },
    "model": {
        "name": "cnn8",
        "width": 32,
        "normalization": "batch",
        "dropout": 0.1,
        "outputs": None,
        "precision": "float32",
    },
    "solver": {
        "learning_rate": 0.1,
        "schedule": "cosine",
        "warmup": 0.15,
        "step_decay": 0.1,
        "step_every": 100_000,
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 0.0005,
        "bias_rate": 2.0,
        "batch_size": 128,
        "epochs": 12,
        "steps_per_epoch": None,
        "copied_rate": None,
        "replicas": None,
    },
    "target": "A",
    "base": None,
    "n": 0,
    "mode": "frozen",
    "seed": 0,
    "initialization": None,
    "target_images": None,
    "draw": None,
    "preserved": None,
    "base_solver": None,
}
