"""What reports ask of the scripts: how a command line says settings.

The package does not know the scripts, so whoever writes a report hands this
in; `experiments.common.commands` has both functions.
"""

import dataclasses
import functools
import shlex
from typing import Protocol

from keras_transfer.specs.network import NetworkSpec
from keras_transfer.storage.stored_command import StoredCommand


@dataclasses.dataclass(frozen=True)
class Command:
    """A command, and what it cannot set.

    Args:
        words: Tuple of strings.
        unset: Tuple of strings such as `"solver.momentum = 0.8"`, settings of
            the network that no flag gives; empty if the command trains
            exactly this network.
        rates: String, the content of the file that `--learning-rates` names;
            empty if the command has no such flag.
        stored: Boolean, whether it trained the network, word for word but
            for folders of that machine; else it was derived.
    """

    words: tuple[str, ...]
    unset: tuple[str, ...] = ()
    rates: str = ""
    stored: bool = False

    def __str__(self) -> str:
        return _join(self.words)


_join = functools.lru_cache(maxsize=1024)(shlex.join)  # one of many networks


class CommandLines(Protocol):
    """How scripts are told settings."""

    def command_of(
        self, spec: NetworkSpec, stored: StoredCommand | None
    ) -> Command:
        """Returns the command of a network.

        Args:
            spec: `NetworkSpec`.
            stored: `StoredCommand` or `None`, what lies beside the network.
        """

    def recipe_flags(self, spec: NetworkSpec) -> tuple[list[str], list[str]]:
        """Returns the flags of a recipe, and the settings that none gives.

        Args:
            spec: `NetworkSpec`.
        """
