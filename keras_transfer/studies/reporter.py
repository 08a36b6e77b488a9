"""What a study tells while it runs, and what became of it."""

import dataclasses

from keras_transfer.specs.network import NetworkSpec
from keras_transfer.storage.result import Result


class Reporter:
    """What a study tells while it runs; this one keeps quiet.

    Attributes:
        lively: Boolean, whether libraries may show bars of their own, on a
            terminal.
    """

    lively = False

    def preparing(self, text: str, share: float) -> None:
        """A data set is being prepared.

        Args:
            text: String, what is done now.
            share: Float, part of it that is done, 0 to 1.
        """

    def started(self, spec: NetworkSpec) -> None:
        """A network begins or goes on.

        Args:
            spec: `NetworkSpec`.
        """

    def epoch(self, spec: NetworkSpec, row: dict) -> None:
        """A network finished an epoch.

        Args:
            spec: `NetworkSpec`.
            row: Dict, the epoch's line of `epochs.jsonl`.
        """

    def finished(self, spec: NetworkSpec, result: Result) -> None:
        """A network is trained and filed.

        Args:
            spec: `NetworkSpec`.
            result: `Result`.
        """

    def failed(self, spec: NetworkSpec, message: str) -> None:
        """A network failed; the study goes on.

        Args:
            spec: `NetworkSpec`.
            message: String, what went wrong; it names arguments in backticks.
        """

    def taken(self, spec: NetworkSpec, holder: str) -> None:
        """Another process is training a network.

        Args:
            spec: `NetworkSpec`.
            holder: String that names the process, empty if it is not known.
        """

    def found(self, spec: NetworkSpec, result: Result) -> None:
        """Another process finished a network meanwhile.

        Args:
            spec: `NetworkSpec`.
            result: `Result`.
        """

    def waiting(self, taken: dict[NetworkSpec, str]) -> None:
        """Only networks that others are training are left.

        Args:
            taken: Dict from `NetworkSpec` to the name of the process.
        """

    def described(self, text: str) -> None:
        """Images are there.

        Args:
            text: String, which parts of the data set serve as what.
        """

    def notice(self, text: str) -> None:
        """Something was damaged and is made anew, or is not as it should be.

        Args:
            text: String, a sentence.
        """


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a study.

    Args:
        trained: List of `NetworkSpec` trained now.
        found: List of `NetworkSpec` that were finished before, or meanwhile
            by another process.
        failed: Dict from `NetworkSpec` to what went wrong.
    """

    trained: list[NetworkSpec]
    found: list[NetworkSpec]
    failed: dict[NetworkSpec, str]
