"""Layers that run on a batch one by one: in a chain, or as a graph says."""

import functools
from collections.abc import Callable

import keras

from keras_transfer.models.model_graph import Graph

# Called with a place and the step there, which takes `training`.
Visit = Callable[[int, Callable], object]


class Chain:
    """Layers of which each takes what the one before puts out.

    Args:
        layers: List of Keras layers.
        given: List of symbolic tensors like the input of the first, empty if
            not known. Defaults to `()`.
    """

    def __init__(self, layers: list, given=()):
        self.layers = list(layers)
        self.given = list(given)

    def first(self, count: int) -> "Chain":
        """Returns the first steps.

        Args:
            count: Integer.

        Returns:
            `Chain`.
        """
        return Chain(self.layers[:count], self.given)

    def run(self, batch, visit: Visit) -> None:
        """Runs the steps on a batch.

        Args:
            batch: What the first layer takes.
            visit: Function of a place and a step; it calls the step with
                `training` and returns what the next ones see.
        """
        for index, layer in enumerate(self.layers):
            batch = visit(index, functools.partial(layer, batch))


class Walk:
    """Consecutive calls of a model's graph, each a step.

    Args:
        graph: `Graph`.
        start: Integer, place of the first call; a cut comes before it.
        stop: Integer, place after the last one.
    """

    def __init__(self, graph: Graph, start: int, stop: int):
        leaves = list(graph.leaves())
        self.graph = graph
        self.start = start
        self.calls = leaves[start:stop]
        self.layers = [call.operation for call in self.calls]
        self.given = leaves[start - 1].outputs if start else graph.inputs

    def first(self, count: int) -> "Walk":
        """Returns the first steps.

        Args:
            count: Integer.

        Returns:
            `Walk`.
        """
        return Walk(self.graph, self.start, self.start + count)

    def run(self, batch, visit: Visit) -> None:
        """Runs the steps on a batch.

        Args:
            batch: Tensor, or list of one for each of `given`.
            visit: As for `Chain`.
        """
        key = self.graph.key
        tensors = batch if isinstance(batch, list) else [batch]
        values = dict(zip(map(key, self.given), tensors, strict=True))

        def known(part):
            symbolic = isinstance(part, keras.KerasTensor)
            return values[key(part)] if symbolic else part

        for index, call in enumerate(self.calls):
            args, kwargs = keras.tree.map_structure(
                known, (call.args, call.kwargs)
            )
            made = visit(index, _step(call.operation, args, kwargs))
            outputs = keras.tree.flatten(made)
            for tensor, value in zip(call.outputs, outputs, strict=True):
                values[key(tensor)] = value


def _step(operation, args: tuple, kwargs: dict) -> Callable:
    if isinstance(operation, keras.layers.Layer):
        # `fit` overrides a `training` that was given in the graph.
        kwargs = {k: v for k, v in kwargs.items() if k != "training"}
        return functools.partial(operation, *args, **kwargs)
    return lambda training: operation(*args, **kwargs)
