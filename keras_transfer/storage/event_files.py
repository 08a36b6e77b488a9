"""TensorBoard's event files, written without TensorFlow.

Scalars are kept in their short form, which every TensorBoard reads: a tenth
of the bytes of a tensor with its description.
"""

import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary
from tensorboard.plugins.hparams import summary_v2 as hparams_summary
from tensorboard.plugins.text import summary_v2 as text_summary
from tensorboard.summary.writer.record_writer import RecordWriter

from keras_transfer.storage.files import remove_leftovers, temporary_beside

BUCKETS = 30  # of a histogram
_PATTERN = "events.out.tfevents.*"


class EventFile:
    """An event file of one run, to be used in a `with` statement, or
    opened and closed.

    Args:
        folder: Path of the run; made if it is not there.
        replaces: Boolean, whether it is to replace the run's other files,
            which stay until `publish`. Defaults to `False`.
        first: Boolean, whether the run stands before others: TensorBoard
            lists runs by the time of their first event. Defaults to `False`.
        mark: String, the end of the file's name; see `has_events`. Defaults
            to `"keras_transfer"`.

    Example:
        >>> with EventFile(Path("logs/run")) as events:
        ...     events.scalars({"epoch_loss": 0.5}, step=0)
    """

    def __init__(
        self,
        folder: Path,
        replaces: bool = False,
        first: bool = False,
        mark: str = "keras_transfer",
    ):
        self.folder = folder
        self.mark = mark
        self.replaces = replaces
        self.first = first
        self._file = None

    def open(self) -> "EventFile":
        """Makes the folder and the file; returns this object."""
        self.folder.mkdir(parents=True, exist_ok=True)
        # Files of a run are read in the order of their names.
        name = f"{time.time_ns() // 1000}.{self.mark}"
        self.path = self.folder / _PATTERN.replace("*", name)
        self._written_to = self.path
        if self.replaces:
            # TensorBoard reads whatever has `tfevents` in its name.
            remove_leftovers(self.folder)
            self._written_to = temporary_beside(self.folder / "events")
        self._file = self._written_to.open("wb")
        self._records = RecordWriter(self._file)
        # The time of the version alone: what is shown keeps its own.
        began = 1.0 if self.first else time.time()
        self.write(Event(wall_time=began, file_version="brain.Event:2"))
        return self

    def __enter__(self) -> "EventFile":
        return self.open()

    def __exit__(self, *exception) -> None:
        self.close()

    def write(self, event: Event) -> None:
        """Writes an event as it is.

        Args:
            event: `Event`, TensorBoard's protocol buffer.
        """
        self._records.write(event.SerializeToString())

    def publish(self) -> None:
        """Puts the file in place of the run's other files.

        Killed before that, a process leaves the others as they were; killed
        in the middle of it, both, with the same events.
        """
        self.flush()
        os.replace(self._written_to, self.path)
        for path in self.path.parent.glob(_PATTERN):
            if path != self.path:
                path.unlink()

    def flush(self) -> None:
        """Hands what was written to the system, for a server to read."""
        self._file.flush()

    def close(self) -> None:
        """Closes the file, if it was opened."""
        if self._file is not None:
            self._file.close()

    def scalars(self, values: dict[str, float], step: int) -> None:
        """Writes numbers by their tags; those that are `None` are left out.

        Args:
            values: Dict from tag to a number or `None`.
            step: Integer, place on the horizontal axis, such as the epoch.
        """
        known = {tag: v for tag, v in values.items() if v is not None}
        self._add(
            [Summary.Value(tag=t, simple_value=v) for t, v in known.items()],
            step,
        )

    def image(
        self, tag: str, png: bytes, size: tuple[int, int], step: int
    ) -> None:
        """Writes a picture.

        Args:
            tag: String.
            png: Bytes of a PNG file.
            size: Tuple of its height and width in pixels.
            step: Integer, place on the horizontal axis, such as the epoch.
        """
        image = Summary.Image(
            height=size[0],
            width=size[1],
            colorspace=3,
            encoded_image_string=png,
        )
        self._add([Summary.Value(tag=tag, image=image)], step)

    def histogram(self, tag: str, values: np.ndarray, step: int) -> None:
        """Writes how often values fall into each of 30 equal bins.

        Args:
            tag: String, name that TensorBoard shows.
            values: Array of numbers of any shape, at least one.
            step: Integer, place on the horizontal axis, such as the epoch.
        """
        values = np.asarray(values, np.float64).ravel()
        counts, edges = np.histogram(values, BUCKETS)
        histogram = HistogramProto(
            min=values.min(),
            max=values.max(),
            num=values.size,
            sum=values.sum(),
            sum_squares=np.square(values).sum(),
            # Each bin is named by its right edge; the first starts at `min`.
            bucket_limit=edges[1:].tolist(),
            bucket=counts.tolist(),
        )
        self._add([Summary.Value(tag=tag, histo=histogram)], step)

    def text(self, tag: str, markdown: str, step: int = 0) -> None:
        """Writes a text in Markdown.

        Args:
            tag: String, name that TensorBoard shows.
            markdown: String.
            step: Integer. Defaults to `0`.
        """
        self._add(text_summary.text_pb(tag, markdown).value, step)

    def hparams(self, values: dict, name: str) -> None:
        """Writes the row of a run in the HParams table.

        Args:
            values: Dict of strings and numbers.
            name: String, the row's own name.
        """
        # Without a time of its own, equal runs give equal bytes.
        summary = hparams_summary.hparams_pb(values, name, start_time_secs=0)
        self._add(summary.value, 0)

    def _add(self, values, step: int) -> None:
        if values:
            summary = Summary(value=values)
            self.write(Event(wall_time=time.time(), step=step, summary=summary))


def has_events(folder: Path, mark: str) -> bool:
    """Returns whether a run's file is there, and is one of a mark.

    Args:
        folder: Path of the run, which may be absent.
        mark: String, such as a checksum of what its file was written of.
    """
    try:
        with os.scandir(folder) as entries:
            files = [(one.name, one.stat().st_size) for one in entries]
    except OSError:
        return False
    # After a loss of power a file may be empty.
    return len(files) == 1 and files[0][0].endswith(mark) and files[0][1] > 0


def read_events(folder: Path) -> Iterator[Event]:
    """Reads the events of a run, up to where a killed process broke off.

    Args:
        folder: Path of the run, which may be absent.

    Yields:
        `Event`, in the order they were written.
    """
    for path in sorted(folder.glob(_PATTERN)):
        data, place = path.read_bytes(), 0
        # A record: its length, a checksum of that, the event, a checksum.
        while place + 12 <= len(data):
            (length,) = struct.unpack_from("<Q", data, place)
            record = data[place + 12 : place + 12 + length]
            place += length + 16
            if place > len(data):
                break
            try:
                yield Event.FromString(record)
            except Exception:  # protobuf's DecodeError: damaged from here on
                break
