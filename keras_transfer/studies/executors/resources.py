"""What a network takes of a node of a cluster, and what nodes offer."""

import dataclasses

from keras_transfer.errors import UserError
from keras_transfer.specs.architectures import layer_rows
from keras_transfer.specs.costs import layer_costs
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.studies.executors.processes import MOST_WORKERS
from keras_transfer.training.devices import gpus_per_network

_PROCESS_BYTES = 10**9  # TensorFlow, its threads and the images of a batch


@dataclasses.dataclass(frozen=True)
class Node:
    """What a node offers.

    Args:
        cpus, gpus: Integers.
        memory: Integer, bytes.
    """

    cpus: int
    gpus: int
    memory: int


@dataclasses.dataclass(frozen=True)
class Needs:
    """What a network takes of a node, for Ray to count.

    Args:
        cpus: Integer, threads of an operation.
        gpus: Integer.
        memory: Integer, bytes.
    """

    cpus: int
    gpus: int
    memory: int

    def fit_into(self, node: Node) -> int:
        """Returns how many such networks a node holds at the same time."""
        counts = [node.cpus // self.cpus, node.memory // self.memory]
        if self.gpus:
            counts.append(node.gpus // self.gpus)
        return min(counts)


def memory_of(spec: NetworkSpec) -> int:
    """Estimates the memory of training a network, in bytes.

    A process of TensorFlow, weights with gradients and momentum, and what
    a batch leaves on its way through. Images and stored features come on top
    where there is room and are read from the folder where not.
    """
    # The classes are not known before the data are; 1,000 are many.
    costs = layer_costs(layer_rows(spec.model, 1000), spec.data.crop)
    weights = sum(cost.parameters for cost in costs)
    # Of each layer: before and after pooling, normalised, and gradients.
    passed = 10 * sum(cost.outputs for cost in costs)
    return _PROCESS_BYTES + 16 * weights + 4 * passed * spec.solver.batch_size


def share_nodes(
    nodes: list[Node], specs: list[NetworkSpec], workers: int | None
) -> Needs:
    """Decides what each network gets, as a local run on a node would.

    Equal threads are equal bits, so all networks get what the smallest node
    can give.

    Args:
        nodes: List of `Node`.
        specs: List of `NetworkSpec`.
        workers: Integer or `None`, networks at the same time on a node.

    Returns:
        `Needs` of the largest network.

    Raises:
        UserError: If no node can train it.
    """
    each = gpus_per_network(specs)
    gpus = each if each > 1 or any(node.gpus for node in nodes) else 0
    hosts = [node for node in nodes if node.cpus and node.gpus >= gpus]
    memory = max(memory_of(spec) for spec in specs)
    needs = Needs(1, gpus, memory)
    if hosts:
        cores = min(node.cpus for node in hosts)
        if workers is None and gpus:
            workers = min(node.gpus // gpus for node in hosts)
        elif workers is None:
            large = any(spec.model.name == "caffenet" for spec in specs)
            workers = 1 if large else min(cores, MOST_WORKERS)
        needs = Needs(max(1, cores // workers), gpus, memory)
    if not any(needs.fit_into(node) for node in hosts):
        offers = ", ".join(sorted({describe(node) for node in nodes}))
        raise UserError(
            "Expected a node of the cluster that can train a network: "
            f"{describe(needs)}. Received: {offers or 'no node'}. Add nodes, "
            "or make the network or its `--batch-size` smaller."
        )
    return needs


def describe(offer: Node | Needs) -> str:
    """Says in a few words what a node offers or a network takes."""
    gpus = f", {offer.gpus} GPU" if offer.gpus else ""
    return f"{offer.cpus} CPU{gpus}, {offer.memory / 1e9:.1f} GB memory"
