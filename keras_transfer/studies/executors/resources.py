"""What a network takes of a machine, what machines offer, and how many fit."""

import dataclasses
import os

from keras_transfer.errors import UserError
from keras_transfer.specs.architectures import find_architecture
from keras_transfer.specs.costs import network_costs
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.training.devices import gpus_per_network, visible_gpus

MOST_WORKERS = 16  # on one machine, unless more are asked for
# TensorFlow, its threads, the images of a batch, and what is kept of networks
# before (`training.kept`).
_PROCESS_BYTES = 1_500_000_000


def networks_at_a_time(cores: int, gpus: int, specs: list[NetworkSpec]) -> int:
    """Says how many networks a machine trains at the same time.

    On a CPU, one small network a core: measured 1.3 times faster than one
    network over two cores, and the bits of a result then do not depend on
    the number of cores. On GPUs, one network on each, or on as many as share
    its batches. A network that fills all cores is trained alone on a CPU.

    Args:
        cores, gpus: Integers, those of the machine.
        specs: List of `NetworkSpec`.

    Returns:
        Integer, at least 1.
    """
    each = gpus_per_network(specs)
    if gpus or each > 1:
        return max(1, gpus // each)
    if any(map(_fills_all_cores, specs)):
        return 1
    return min(cores, MOST_WORKERS)


def _fills_all_cores(spec: NetworkSpec) -> bool:
    model = spec.model
    # What registered models gain by several threads is not known.
    ours = model.content is None
    return ours and find_architecture(model.name).one_at_a_time


def default_workers(specs: list[NetworkSpec]) -> int:
    """Chooses how many networks this machine trains at the same time.

    Args:
        specs: List of `NetworkSpec`.

    Returns:
        Integer, at least 1; see `networks_at_a_time`.
    """
    return networks_at_a_time(available_cores(), len(visible_gpus()), specs)


def threads_of(workers: int) -> int:
    """Divides the cores among workers; each gets one thread or more.

    Args:
        workers: Integer, networks at the same time.

    Returns:
        Integer, threads of each.
    """
    return max(1, available_cores() // workers)


def available_cores() -> int:
    """Counts the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
        """Returns how many such networks a node holds at the same time.

        Args:
            node: `Node`.

        Returns:
            Integer, 0 if it is too small for one.
        """
        counts = [node.cpus // self.cpus, node.memory // self.memory]
        if self.gpus:
            counts.append(node.gpus // self.gpus)
        return min(counts)


def memory_of(spec: NetworkSpec) -> int:
    """Estimates the memory of training a network, in bytes.

    A process of TensorFlow, weights with gradients and momentum, and what
    a batch leaves on its way through. Images and stored features come on top
    where there is room and are read from the folder where not.

    Args:
        spec: `NetworkSpec`.

    Returns:
        Integer.
    """
    # The classes are not known before the data are; 1,000 are many.
    costs = network_costs(spec, 1000)
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
        if workers is None:
            least = min(node.gpus for node in hosts)
            workers = networks_at_a_time(cores, least, specs)
        needs = Needs(max(1, cores // workers), gpus, memory)
    if not any(needs.fit_into(node) for node in hosts):
        offers = ", ".join(sorted({describe(node) for node in nodes}))
        raise UserError(
            "Expected a node of the cluster that can train a network: "
            f"{describe(needs)}. Received: {offers or 'no node'}. Add nodes, "
            "or make the network or its `batch_size` smaller."
        )
    return needs


def describe(offer: Node | Needs) -> str:
    """Says in a few words what a node offers or a network takes.

    Args:
        offer: `Node` or `Needs`.

    Returns:
        String such as `"2 CPU, 1 GPU, 4.0 GB memory"`.
    """
    gpus = f", {offer.gpus} GPU" if offer.gpus else ""
    return f"{offer.cpus} CPU{gpus}, {offer.memory / 1e9:.1f} GB memory"
