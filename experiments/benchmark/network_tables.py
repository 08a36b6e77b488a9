"""Tables of the parts of a network, of many results, and of a GPU."""

from experiments.benchmark import timeline
from keras_transfer.reports import markdown


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    """Returns the lines of a table, an empty one at its end.

    Args:
        header: List of strings.
        rows: List of lists of strings.
    """
    return [*markdown.table(header, rows), ""]


def speed_rows(speeds: dict[str, dict], unit: str = "") -> list[list[str]]:
    """Lays out median speeds, or why there is none.

    Args:
        speeds: Dict from a name to a `Speed` as JSON.
        unit: String that follows a number. Defaults to `""`.

    Returns:
        List of rows of two cells.
    """
    return [
        [
            name,
            f"{speed['median']:,.0f}{unit}"
            if speed["rounds"]
            else f"absent: {speed['absent']}",
        ]
        for name, speed in speeds.items()
    ]


def beside_steps(part: dict) -> float | None:
    """Returns what a network costs beside its steps and looks, in seconds.

    Args:
        part: Dict, what `timeline.measure` returned, or empty.
    """
    networks = part.get("networks", {})
    if timeline.NEXT not in networks:
        return None
    seconds = networks[timeline.NEXT]
    steps = ("training steps", "evaluation")
    return sum(value for name, value in seconds.items() if name not in steps)


def network_parts(part: dict) -> list[str]:
    """Tells where the time of a network goes.

    Args:
        part: Dict, what `timeline.measure` returned.

    Returns:
        List of lines.
    """
    networks = part["networks"]
    rows = [
        [
            name,
            *(
                f"{seconds[name]:.2f} s" if name in seconds else ""
                for seconds in networks.values()
            ),
        ]
        for name in (timeline.START, timeline.COMPILING, *timeline.PARTS)
    ]
    total = [f"{sum(seconds.values()):.2f} s" for seconds in networks.values()]
    return [
        "## Where the time of a network goes",
        "",
        f"The main job's networks, images kept at {part['image_size']} px, "
        f"{part['images']:,} of them shown in 2 epochs, one thread. Compiling: "
        "what the first network takes beyond the next one like it.",
        "",
        "![Parts](parts.png)",
        "",
        *table(["part", *networks], [*rows, ["sum", *total]]),
    ]


def made_up(part: list[dict]) -> list[str]:
    """Tells what many results cost.

    Args:
        part: List of dicts, what `made_up.measure` returned.

    Returns:
        List of lines.
    """
    names = [name for name in part[0] if name != "networks"]
    rows = [
        [f"{row['networks']:,}", *(f"{row[name]:.1f} s" for name in names)]
        for row in part
    ]
    return [
        "## Many results",
        "",
        "Core-seconds of a command on a log folder of made-up results.",
        "",
        "![Growth](growth.png)",
        "",
        *table(["networks", *names], rows),
    ]


def one_step(part: list[dict]) -> list[str]:
    """Tells what several networks in one compiled step give.

    Args:
        part: List of dicts, what `one_step.compare` returned.

    Returns:
        List of lines.
    """
    rows = [
        [
            f"n = {row['frozen']} frozen" if row["frozen"] else "none frozen",
            str(row["networks"]),
            f"{row['median']:,.0f} images/s",
            f"{row['over_one']:.2f}",
        ]
        for row in part
    ]
    header = ["cnn8", "networks in a step", "median of all cores", "over one"]
    return [
        "## Several networks in one compiled step",
        "",
        "One process a core, random values in place of stored output, each "
        "image counted once for each network. Networks that share a frozen "
        "prefix could be trained so.",
        "",
        *table(header, rows),
    ]


def kernels(part: list[dict]) -> list[str]:
    """Tells what oneDNN's kernels give.

    Args:
        part: List of dicts, what `kernels.compare` returned.

    Returns:
        List of lines.
    """
    rows = [
        [
            f"`{row['model']}`",
            f"{row['onednn']:,.0f} images/s",
            f"{row['without']:,.0f} images/s",
            f"{row['ratio']:.2f}",
        ]
        for row in part
    ]
    return [
        "## Kernels",
        "",
        "Training with a network on each core. TensorFlow by itself takes "
        "oneDNN on a processor with instructions for neural networks (VNNI, "
        "bfloat16); studies take it on every x86-64.",
        "",
        *table(["network", "oneDNN", "without", "ratio"], rows),
    ]


def plan(part: dict[str, dict]) -> list[str]:
    """Tells what plans said and what training took.

    Args:
        part: Dict, what `predicted.measure` returned.

    Returns:
        List of lines.
    """
    rows = [
        [
            f"`{row['command']}`",
            str(row["networks"]),
            f"{row['planned']:.0f} s",
            f"{row['seconds']:.0f} s",
            f"{row['ratio']:.2f}",
            f"{row['load']:.1f}",
        ]
        for row in part.values()
    ]
    header = ["study", "networks", "planned", "took", "ratio", "load before"]
    return [
        "## What a plan says, and what training took",
        "",
        "The plan rests on a measurement of the machine just before.",
        "",
        *table(header, rows),
    ]


def gpu(part: dict) -> list[str]:
    """Tells what was timed on a GPU, or that there is none.

    Args:
        part: Dict of the `device` in words and the `rivals`' speeds.

    Returns:
        List of lines.
    """
    rows = speed_rows(part["rivals"], " images/s")
    return [
        "## GPU",
        "",
        f"{part['device']}.",
        "",
        *table(["", "median"], rows),
    ]
