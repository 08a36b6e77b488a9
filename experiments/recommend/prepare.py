"""What comes before training: images, model, one look, scores, the order."""

import dataclasses
import hashlib
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from experiments.recommend import settings
from experiments.recommend.images import Images, demonstration, load_folder
from experiments.recommend.pixels import with_likely_range
from experiments.recommend.settings import Options
from experiments.recommend.source import Asked, open_model
from keras_transfer.recommendation.score_similarity import cka_between_stages
from keras_transfer.recommendation.scores import SCORES, score_stage
from keras_transfer.recommendation.ways import (
    Choice,
    choices,
    starting_order,
)
from keras_transfer.specs.paths import user_path
from keras_transfer.storage.files import read_json, write_atomically

# Training images that stages are scored on at most, so that scores of a large
# folder take seconds as well, but for so many of each class; and compared on,
# which costs their square.
_SCORED, _SCORED_OF_CLASS, _ALIKE = 1000, 5, 400
COMPUTATION = 2  # raised when the same settings give other trials


@dataclasses.dataclass(frozen=True, eq=False)
class Prepared:
    """All that a race starts from.

    Args:
        options: `Options`.
        images: `Images`.
        asked: `Asked`.
        task: `Task`.
        scores: List of dicts, of `score_stage`, one for each stage but the
            last.
        order: List of `Choice`, to be trained, most promising first.
        wanted: List of `Choice`, all.
        folder: Path, of this run.
        warnings: List of strings.
        drawn: `Drawn`, the network drawn anew, or `None` if it cannot be.
        alike: List of lists of floats, linear CKA between the stages.
    """

    options: Options
    images: Images
    asked: Asked
    task: object
    scores: list[dict]
    order: list[Choice]
    wanted: list[Choice]
    folder: Path
    warnings: list[str]
    drawn: object = None
    alike: list[list[float]] = dataclasses.field(default_factory=list)

    @property
    def last_layers(self) -> list[str]:
        """The last layer of every stage."""
        return [stage.last_layer for stage in self.task.stages]


def prepare(
    options: Options,
    say: Callable[[str], None] = print,
    looked: Callable[[int, int], None] = lambda done, total: None,
    clock: Callable[[], float] = time.perf_counter,
    check: Callable[[object, list, Path], None] = lambda *_: None,
) -> Prepared:
    """Loads, looks once, scores.

    Args:
        options: `Options`.
        say: Callable of a line for the user. Defaults to `print`.
        looked: Callable of the images looked at and in all.
        clock: Callable that returns seconds. Defaults to
            `time.perf_counter`.
        check: Callable of the `Task`, of the choices that are trained and of
            the run's folder, which may not be there yet. It ends a run for
            which there is no time, before anything is scored.

    Returns:
        `Prepared`.

    Raises:
        UserError: If model, images or settings will not do.
    """
    from experiments.recommend.drawing import open_drawn
    from keras_transfer.models.heads import head_form, new_head
    from keras_transfer.models.stages import stages
    from keras_transfer.training.candidate_networks import Task, takes_probe
    from keras_transfer.transfer.stage_outputs import (
        Request,
        find_or_compute,
        model_key,
    )

    asked = open_model(options)
    images = _images(options, asked)
    asked, warning = with_likely_range(asked, images.images["train"])
    say(f"model: {asked.text}, {asked.scaling}")
    say(f"images: {images.describe()}")
    model = new_head(asked.model, len(images.class_names), seed=0)
    table = stages(model, most=options.most_stages)
    wanted = choices(len(table))
    warnings = list(images.notices)
    warnings += [warning] if warning else []
    key = hashlib.sha256(f"{images.key}{asked.scaling}".encode()).hexdigest()
    log_dir = user_path(options.log_dir)
    request = Request(
        model,
        table,
        images.images,
        asked.scale,
        key,
        most_bytes=int(options.store_gigabytes * 1e9),
        clock=clock,
    )
    outputs = find_or_compute(request, log_dir / ".cache" / "recommend", looked)
    _check_outputs(outputs)
    count = len(images.labels["train"])
    batch_size = settings.batch_size_of(options, count)
    task = Task(
        model,
        table,
        images.images,
        images.labels,
        asked.scale,
        outputs,
        batch_size,
        1,
    )
    task = dataclasses.replace(
        task, epochs=settings.epochs_of(options, task.steps)
    )
    if not takes_probe(task):
        wanted = [c for c in wanted if c.name != "lp_ft"]
    identity = [
        COMPUTATION,
        model_key(asked.model),
        key,
        [stage.last_layer for stage in table],
        task.batch_size,
        task.epochs,
    ]
    digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:12]
    name = Path(asked.text).stem.replace(":", "_").replace("@", "_")
    folder = log_dir / "recommend" / f"{name}-{digest}"
    check(task, [c for c in wanted if c.row.trained], folder)
    drawn, warning = open_drawn(task)
    if warning:
        warnings.append(warning)
        wanted = [c for c in wanted if c.row.above != "redrawn"]
    folder.mkdir(parents=True, exist_ok=True)
    source = None
    if head_form(asked.model) in ("softmax", "logits"):
        source = asked
    scores = _scores(task, images, source, folder)
    probes = [_plain(row["linear_probe"]) for row in scores]
    order = starting_order(wanted, probes)
    return Prepared(
        options,
        images,
        asked,
        task,
        scores,
        order,
        wanted,
        folder,
        warnings,
        drawn,
        _alike(task.outputs.pooled["train"]),
    )


def _plain(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _images(options: Options, asked: Asked) -> Images:
    if options.images is None:
        from keras_transfer.datasets.synthetic_shapes import IMAGE_SIZE
        from keras_transfer.errors import UserError

        if asked.image_size != (IMAGE_SIZE, IMAGE_SIZE):
            raise UserError(
                f"Expected `images`, a folder of images, for a model of "
                f"{asked.image_size[1]} x {asked.image_size[0]} px: the drawn "
                f"ones have {IMAGE_SIZE} x {IMAGE_SIZE} px. Received: none."
            )
        return demonstration()
    return load_folder(
        options.images,
        asked.image_size,
        options.images_per_class,
        options.most_classes,
    )


def _check_outputs(outputs) -> None:
    from keras_transfer.errors import UserError

    for index, features in enumerate(outputs.pooled["train"], start=1):
        if not np.isfinite(features).all():
            raise UserError(
                f"Stage {index} puts out values that are not finite for these "
                "images. Expected pixels of the range that the model was "
                "trained on: give `pixel_range`."
            )


def _scores(task, images: Images, source: Asked | None, folder: Path):
    """Computes every score at every stage, or reads them."""
    path = folder / "scores.json"
    count = len(task.outputs.pooled["train"])
    found = read_json(path)
    if isinstance(found, list) and len(found) == count:
        return [
            {k: math.nan if v is None else v for k, v in row.items()}
            for row in found
        ]
    places = _scored(images.labels["train"], len(images.class_names))
    labels = images.labels["train"][places]
    probabilities = None
    if source is not None:
        probabilities = _predictions(source, images.images["train"][places])
    rows = [
        score_stage(features[places], labels, 0, None, probabilities)
        for features in task.outputs.pooled["train"]
    ]
    plain = [
        {k: None if math.isnan(v) else v for k, v in row.items()}
        for row in rows
    ]
    write_atomically(path, json.dumps(plain, indent=1))
    return rows


def _alike(stages: list) -> list[list[float]]:
    """Says how alike the stages are, for images spread over the classes."""
    count = len(stages[0])
    if count < 4:  # too few for a debiased value
        return []
    places = _spread(count, _ALIKE)
    found = cka_between_stages([features[places] for features in stages])
    return found.tolist()


def _scored(labels: np.ndarray, classes: int) -> np.ndarray:
    """Places of the images that are scored: of rare classes some as well."""
    most = max(_SCORED, _SCORED_OF_CLASS * classes)
    parts = [_spread(len(labels), most)]
    for label in range(classes):
        own = np.flatnonzero(labels == label)
        if (labels[parts[0]] == label).sum() < _SCORED_OF_CLASS:
            parts.append(own[_spread(len(own), _SCORED_OF_CLASS)])
    return np.unique(np.concatenate(parts))


def _spread(count: int, most: int) -> np.ndarray:
    """Places of at most so many images, which stand class by class."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).astype(int))


def _predictions(source: Asked, images: np.ndarray) -> np.ndarray:
    """What the source's own classifier says of images."""
    import keras

    from keras_transfer.models.heads import head_form

    batches = np.array_split(images, 1 + len(images) // 32)
    found = np.concatenate(
        [
            np.asarray(
                source.model(
                    source.scale(batch.astype(np.float32)), training=False
                ),
                np.float64,
            )
            for batch in batches
            if len(batch)
        ]
    )
    if head_form(source.model) == "logits":
        found = np.asarray(keras.ops.softmax(found), np.float64)
    return found


def score_table(prepared: Prepared) -> tuple[list[str], list[list[str]]]:
    """Returns the scores that differ between stages as cells.

    Args:
        prepared: `Prepared`.

    Returns:
        Pair of a header and lines, of strings.
    """
    # LEEP knows no stages.
    names = [name for name in prepared.scores[0] if name != "leep"]
    titles = {score.name: score.title for score in SCORES}
    header = ["stage", "last layer", *(titles[name] for name in names)]
    lines = [
        [str(index), layer, *(f"{row[name]:.3f}" for name in names)]
        for index, (layer, row) in enumerate(
            zip(prepared.last_layers, prepared.scores, strict=False), start=1
        )
    ]
    return header, lines
