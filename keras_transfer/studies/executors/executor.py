"""What every place that trains networks is told, and what it tells."""

import dataclasses
from pathlib import Path
from typing import Literal, Protocol

from keras_transfer.specs.network import NetworkSpec
from keras_transfer.storage.network_folder import NetworkFolder
from keras_transfer.storage.registered_models import RegisteredModels
from keras_transfer.storage.result import Result


@dataclasses.dataclass(frozen=True)
class FeatureFolder:
    """Where the output of frozen layers is stored, and when.

    Args:
        folder: Path.
        budget_bytes: Integer, largest size of the folder.
        least_seconds: Float, time that storing it has to save a network.
    """

    folder: Path
    budget_bytes: int
    least_seconds: float


@dataclasses.dataclass(frozen=True)
class Task:
    """What training a network takes, wherever that is done.

    Args:
        network: `NetworkFolder`, its settings and folder.
        source: `NetworkFolder` or `None`, the finished base it copies from.
        pool_folder: Path of the decoded images.
        feature_folder: `FeatureFolder` or `None`.
        test: Boolean, see `trainer.Options`.
        observe: String, likewise.
        models: `RegisteredModels` or `None`, where the model is that it
            copies from, if it is one of these.
    """

    network: NetworkFolder
    source: NetworkFolder | None
    pool_folder: Path
    feature_folder: FeatureFolder | None
    test: bool
    observe: str = "default"
    models: RegisteredModels | None = None


@dataclasses.dataclass(frozen=True)
class Message:
    """What is told about a network that was started.

    Args:
        spec: `NetworkSpec`.
        kind: String. After `"epoch"` and `"notice"` more will follow; the
            others are the last message: `"finished"`, `"found"` (another
            process finished it meanwhile), `"taken"` (another is training
            it), `"failed"` (the network's folder says why), `"died"` (its
            process left no word) and `"user_error"`, which ends the study.
        content: Dict, the epoch's row; `Result`; else string, what went
            wrong or who has taken it.
    """

    spec: NetworkSpec
    kind: Literal[
        "epoch",
        "notice",
        "finished",
        "found",
        "taken",
        "failed",
        "died",
        "user_error",
    ]
    content: dict | Result | str


GOES_ON = ("epoch", "notice")


class Executor(Protocol):
    """A place that trains networks, several at the same time."""

    def has_room(self) -> bool:
        """Returns whether another network can be started now."""

    def start(self, task: Task) -> None:
        """Begins to train a network, or to go on with it.

        Args:
            task: `Task`; call it only if there is room.
        """

    def wait(self, timeout: float | None = None) -> list[Message]:
        """Waits for news of the networks that were started.

        Args:
            timeout: Float or `None`, seconds to wait at most. Defaults to
                `None` for as long as it takes.

        Returns:
            List of `Message`, which may be empty.
        """

    def stop(self) -> None:
        """Ends whatever still runs at once; last epochs are kept."""
