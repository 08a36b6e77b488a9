"""A proof in short, and one that is read when somebody looks at it.

Of thousands of networks a report needs how many tensors were copied and
frozen; the tensors themselves, most of a `result.json`, of few.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence


@dataclasses.dataclass(frozen=True)
class ProofCounts:
    """How many tensors of a network were copied, frozen and unchanged.

    Args:
        tensors: Integer, all of them.
        planned: Integer, those that have a source.
        copied: Integer, those of them that started with its bits.
        frozen: Integer.
        unchanged: Integer, those of them that ended with the bits they
            started with.
    """

    tensors: int
    planned: int
    copied: int
    frozen: int
    unchanged: int

    @property
    def holds(self) -> bool:
        """Whether all tensors are as planned."""
        return self.copied == self.planned and self.unchanged == self.frozen


def was_copied(tensor: dict) -> bool:
    """Returns whether a tensor started with the bits of its source.

    Args:
        tensor: Dict, a row of the proof; see `transfer.proof`.
    """
    source = tensor.get("source_sha256", tensor["before_sha256"])
    return tensor["source_path"] is not None and (
        source == tensor["before_sha256"]
    )


def is_unchanged(tensor: dict) -> bool:
    """Returns whether a tensor ended with the bits it started with.

    Args:
        tensor: Dict, a row of the proof.
    """
    return tensor["before_sha256"] == tensor["after_sha256"]


def count_tensors(proof: Sequence[dict]) -> ProofCounts:
    """Counts the tensors of a proof.

    Args:
        proof: Sequence of dicts, one for each tensor.

    Returns:
        `ProofCounts`; those of a `StoredProof` are known without reading it.
    """
    if isinstance(proof, StoredProof):
        return proof.counts
    frozen = [tensor for tensor in proof if tensor["frozen"]]
    planned = [t for t in proof if t["source_path"] is not None]
    return ProofCounts(
        len(proof),
        len(planned),
        sum(map(was_copied, planned)),
        len(frozen),
        sum(map(is_unchanged, frozen)),
    )


class StoredProof(Sequence):
    """A proof whose tensors are read from the result when first asked for.

    It was checked when the result was read for the first time, and its file
    has not changed since.

    Args:
        counts: `ProofCounts`.
        read: Callable without arguments that returns the list of dicts.
    """

    def __init__(self, counts: ProofCounts, read: Callable[[], Sequence[dict]]):
        self.counts = counts
        self.read = read

    @functools.cached_property
    def _rows(self) -> list[dict]:
        return list(self.read())

    def __len__(self):
        return self.counts.tensors

    def __getitem__(self, place):
        return self._rows[place]

    def __iter__(self):
        return iter(self._rows)

    def __eq__(self, other):
        if not isinstance(other, Sequence):
            return NotImplemented
        return self._rows == list(other)

    __hash__ = None
