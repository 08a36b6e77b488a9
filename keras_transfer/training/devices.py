"""Which GPUs there are and which of them a network gets: counted, not opened.

Without TensorFlow, so that a plan and the process that starts the others can
know. What is done on the devices is in `strategies`.
"""

import os
from pathlib import Path
from typing import Literal

from keras_transfer.errors import UserError
from keras_transfer.specs.network import NetworkSpec

# What Linux says of the processor; elsewhere there is no such file.
PROCESSOR = Path("/proc/cpuinfo")
_FLAGS = ("flags", "Features")  # how the line begins on x86, on ARM
_BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}

StrategyName = Literal["auto", "none", "mirrored", "multiworker"]

_NO_MULTIWORKER = (
    '`strategy="multiworker"` is refused: under Keras 3 and '
    "`MultiWorkerMirroredStrategy`, `fit` ends in an error with two workers "
    "or more (https://github.com/keras-team/keras/issues/20585), and where "
    "that is worked around each worker reports the accuracy of its own "
    "images only. {found} Networks are many: train each on one machine, with "
    "`workers` there or `cluster` for several machines."
)


def visible_gpus() -> list[str]:
    """Names the GPUs that this process may use, as CUDA does.

    Returns:
        List of strings, the entries of `CUDA_VISIBLE_DEVICES` if that is set
        (`-1` hides all), else the numbers of NVIDIA's device files.
    """
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        files = list(Path("/dev").glob("nvidia[0-9]*"))
        return [str(number) for number in range(len(files))]
    gpus = []
    for name in (word.strip() for word in chosen.split(",")):
        # CUDA ignores what follows an entry that is not a device.
        if name in ("", "-1"):
            break
        gpus.append(name)
    return gpus


def choose_replicas(
    strategy: StrategyName, gpus_per_network: int | None
) -> int | None:
    """Says over how many GPUs the command line divides each network.

    The answer depends on the flags, hardly ever on the machine, so that the
    same command gives the same networks elsewhere.

    Args:
        strategy: String. `"auto"`: a network on one device has no strategy,
            on several it is mirrored; `"none"`; `"mirrored"`, over all GPUs
            unless `gpus_per_network` says how many.
        gpus_per_network: Integer or `None`, GPUs of one network.

    Returns:
        Integer, at least 2, or `None` for one device.

    Raises:
        UserError: If the two contradict each other or `strategy` cannot be
            had.
    """
    if strategy == "multiworker":
        raise UserError(_NO_MULTIWORKER.format(found=_found_cluster()))
    count = 1 if gpus_per_network is None else gpus_per_network
    if count < 1:
        raise UserError(
            f"Expected `gpus_per_network` of at least 1. Received: {count}."
        )
    if strategy == "none" and count > 1:
        raise UserError(
            'Expected `gpus_per_network` 1 with `strategy="none"`. '
            f'Received: {count}. Several GPUs need `strategy="mirrored"`.'
        )
    if strategy == "mirrored":
        source = "`gpus_per_network`"
        if gpus_per_network is None:
            count, source = len(visible_gpus()), "this machine"
        if count < 2:
            raise UserError(
                'Expected 2 GPUs or more for `strategy="mirrored"`. Received: '
                f"{count} from {source}. Give `gpus_per_network`, or leave "
                "`strategy` away: one device needs none."
            )
    return None if count == 1 else count


def _found_cluster() -> str:
    if os.environ.get("TF_CONFIG"):
        return "(`TF_CONFIG` is set; nothing here reads it.)"
    return "(`TF_CONFIG` is not set either.)"


def gpus_per_network(specs: list[NetworkSpec]) -> int:
    """Returns the most GPUs that one of the networks is divided over.

    Args:
        specs: List of `NetworkSpec`.

    Returns:
        Integer, at least 1.
    """
    return max((spec.solver.replicas or 1 for spec in specs), default=1)


def divide_gpus(per_network: int, workers: int) -> list[tuple[str, ...]]:
    """Deals the GPUs out to the networks that are trained at the same time.

    Args:
        per_network: Integer, GPUs of one network.
        workers: Integer, networks at the same time.

    Returns:
        List of `workers` tuples of names, no GPU in two of them; all empty
        on a machine without GPUs.

    Raises:
        UserError: If there are too few GPUs.
    """
    gpus = visible_gpus()
    if not gpus and per_network == 1:
        return [()] * workers
    if per_network > len(gpus):
        raise UserError(
            f"Expected {per_network} GPUs for each network "
            f"(`gpus_per_network`). Received: {len(gpus)} on this machine "
            "(`CUDA_VISIBLE_DEVICES` narrows them down)."
        )
    slots = len(gpus) // per_network
    if workers > slots:
        raise UserError(
            f"Expected `workers` of at most {slots}, as {len(gpus)} GPUs "
            f"hold {per_network} for each network. Received: {workers}. Two "
            "networks on a GPU would fight for its memory; "
            "`CUDA_VISIBLE_DEVICES=-1` trains on the CPU."
        )
    return [
        tuple(gpus[first : first + per_network])
        for first in range(0, workers * per_network, per_network)
    ]


def has_bfloat16(processor: Path = PROCESSOR) -> bool | None:
    """Says if the processor has instructions for bfloat16.

    Args:
        processor: Path of the file that says what the processor can do.
            Defaults to `PROCESSOR`.

    Returns:
        Boolean, or `None` if it does not tell.
    """
    try:
        text = processor.read_text()
    except OSError:
        return None
    lines = [line for line in text.splitlines() if line.startswith(_FLAGS)]
    return bool(_BFLOAT16 & set(lines[0].split())) if lines else None


def find_slow_precision(
    specs: list[NetworkSpec], processor: Path = PROCESSOR
) -> str | None:
    """Says if this machine is slow at the precision of some networks.

    Args:
        specs: List of `NetworkSpec`.
        processor: Path of the file that says what the processor can do.
            Defaults to `PROCESSOR`.

    Returns:
        String, or `None` if nothing is to be said: all is float32, there is a
        GPU, the processor has the instructions, or it does not tell.
    """
    asked = any(spec.model.precision == "bfloat16" for spec in specs)
    if not asked or visible_gpus() or has_bfloat16(processor) is not False:
        return None
    return (
        "this processor has no instructions for bfloat16. Networks would train "
        "several times slower than in float32. Use `precision` float32 here."
    )
