"""Turns the numbers of a benchmark into tables, what is aimed at first."""

from experiments.benchmark import network_tables, targets
from experiments.benchmark.network_tables import table
from keras_transfer.specs import presets
from keras_transfer.specs.architectures import layer_rows
from keras_transfer.specs.costs import layer_costs
from keras_transfer.specs.speed import trained_work

# What is trained, as `__main__` does; a half of CIFAR-100 has 50 classes.
_RECIPES = {
    "cnn8": presets.find_recipe("cifar100", "default", None),
    "caffenet": presets.find_recipe("imagenet2012", "paper", None),
}
_CLASSES = 50


def _ratio(value: float | None) -> str:
    return "absent" if value is None else f"{value:.2f}"


def to_markdown(found: dict) -> str:
    """Returns the tables of a benchmark as markdown.

    Args:
        found: Dict, content of `benchmark.json`; any part may be absent.

    Returns:
        String.
    """
    peaks = found.get("roofline") or {}
    lines = [
        "# Benchmark",
        "",
        "Medians of several rounds, side by side; shared machines are noisy, "
        "so trust the ratios.",
        "",
        *_machines(found),
        *targets.lines(found),
    ]
    for part, write in (
        ("peak", _peak),
        ("roofline", _roofline),
        ("training", lambda part: _training(part, peaks)),
        ("trial", _trial),
        ("decoding", _decoding),
        ("study", _study),
        ("observation", _observation),
        ("startup", _startup),
        ("network", network_tables.network_parts),
        ("one_step", network_tables.one_step),
        ("kernels", network_tables.kernels),
        ("growth", _growth),
        ("made_up", network_tables.made_up),
        ("plan", network_tables.plan),
        ("gpu", network_tables.gpu),
    ):
        if found.get(part):
            lines += write(found[part])
    return "\n".join(lines).rstrip() + "\n"


def _machines(found: dict) -> list[str]:
    """Says on what each part was measured; of two machines, no values mix."""
    parts: dict[str, list[str]] = {}
    for part, machine in found.get("machines", {}).items():
        text = ", ".join(f"{key} {value}" for key, value in machine.items())
        parts.setdefault(text, []).append(part)
    lines = []
    for text, names in parts.items():
        lines += [f"{', '.join(names)}: {text}.", ""]
    return lines


def _peak(part: dict) -> list[str]:
    rows = []
    for name, speed in part.items():
        unit = "GB/s" if name == "copy" else "GFLOP/s"
        rows.append([name, f"{speed['median'] / 1e9:.0f} {unit}"])
    return ["## The machine", "", *table(["work", "median"], rows)]


def _roofline(part: dict) -> list[str]:
    lines = ["## The least time of a training step, by layer", ""]
    for precision, least in part.items():
        lines += [
            f"{precision}: convolutions at {least['flops_a_second'] / 1e9:.0f} "
            "GFLOP/s, microseconds an image.",
            "",
        ]
        rows = [
            [
                layer["name"],
                f"{layer['products']:.1f}",
                f"{layer['traffic']:.1f}",
            ]
            for layer in least["layers"]
        ]
        rows.append(["sum", f"{least['microseconds_an_image']:.1f}", ""])
        lines += table(["layer", "products", "traffic"], rows)
    return lines


def _training(part: dict, peaks: dict) -> list[str]:
    lines = [
        "## Training throughput",
        "",
        "Share of peak: counted operations of products and convolutions over "
        "the fastest of the network's convolutions, in the same precision.",
        "",
    ]
    for network, rivals in part.items():
        lines += [f"`{network}`:", ""]
        rows = []
        for name, speed in rivals.items():
            if not speed["rounds"]:
                rows.append([name, f"absent: {speed['absent']}", "", ""])
                continue
            rows.append(
                [
                    name,
                    f"{speed['median']:.0f} images/s",
                    _ratio(speed["over_ours_float32"]),
                    _share_of_peak(network, name, speed["median"], peaks),
                ]
            )
        header = ["trainer", "median", "over ours float32", "share of peak"]
        lines += table(header, rows)
    return lines


def _share_of_peak(network: str, name: str, speed: float, peaks: dict) -> str:
    precision = "bfloat16" if "bfloat16" in name else "float32"
    if precision not in peaks:
        return ""
    recipe = _RECIPES[network]
    costs = layer_costs(layer_rows(recipe.model, _CLASSES), recipe.crop)
    flops = speed * trained_work(costs).flops
    return f"{flops / peaks[precision]['flops_a_second']:.2f}"


def _trial(part: dict) -> list[str]:
    rows = [
        [
            n,
            f"{speeds['plain']['median']:,.0f}",
            f"{speeds['float32']['median']:,.0f}",
            f"{speeds['bfloat16']['median']:,.0f}",
            _ratio(speeds["float32"]["over_plain"]),
            _ratio(speeds["bfloat16"]["over_plain"]),
        ]
        for n, speeds in part.items()
    ]
    header = ["frozen", "plain fit", "stored", "stored, bfloat16"]
    return [
        "## Training above stored output, images/s",
        "",
        "Stored: one network a core; plain fit: all cores.",
        "",
        *table([*header, "ratio", "ratio, bfloat16"], rows),
    ]


def _decoding(part: dict) -> list[str]:
    return [
        "## Images of ImageNet",
        "",
        "Decoding (JPEG, then 256x256) happens once; batches are read from "
        "the memory map at every step, and have to keep up with the GPU.",
        "",
        *table(["work", "images/s"], network_tables.speed_rows(part)),
    ]


def _study(part: dict) -> list[str]:
    rows = []
    for name in ("bases", "frozen", "fine-tuned", "whole"):
        row = part[name]
        accuracies = ["", ""]
        if "ours_accuracy" in row:
            accuracies = [
                f"{100 * row['ours_accuracy']:.1f} %",
                f"{100 * row['plain_accuracy']:.1f} %",
            ]
        rows.append(
            [
                name,
                str(row["networks"]),
                f"{row['ours_seconds']:.0f} s",
                f"{row['plain_seconds']:.0f} s",
                _ratio(row["ratio"]),
                *accuracies,
            ]
        )
    header = ["part", "networks", "ours", "plain loop", "ratio"]
    changed = ", ".join(
        f"{key} {value}"
        for key, value in part["settings"].items()
        if value is not None and key in _SHOWN
    )
    return [
        "## A whole study",
        "",
        f"Settings: {changed}. Rounds: {part.get('rounds', 1)}. "
        "Ours with the start of its processes and the report: the whole in "
        "one go, each part as a study by itself. The plain loop without its "
        "start. Medians over the rounds, of ratios, too.",
        "",
        *table([*header, "accuracy, ours", "accuracy, plain"], rows),
    ]


_SHOWN = (
    "dataset",
    "layers",
    "images_per_class",
    "epochs",
    "views",
    "precision",
)


def _observation(part: dict) -> list[str]:
    rows = [
        [name, f"{1000 * seconds:.1f} ms"]
        for name, seconds in part["seconds_an_epoch"].items()
    ]
    rows.append(["once a network", f"{1000 * part['start_seconds']:.0f} ms"])
    sizes = ", ".join(
        f"{level} {size / 1000:.0f} kB"
        for level, size in part["event_bytes"].items()
    )
    return [
        "## Observation, at the end of each epoch",
        "",
        *table(["what", "median"], rows),
        f"An epoch of the default network takes {part['epoch_seconds']:.1f} s; "
        f"rows, checkpoint and TensorBoard at its default setting are "
        f"{part['percent']:.2f} % of that, the start of a network shared out "
        f"among its epochs. Event files of a whole network: {sizes}.",
        "",
    ]


def _startup(part: dict) -> list[str]:
    rows = [[name, f"{seconds:.2f} s"] for name, seconds in part.items()]
    return ["## Start-up", "", *table(["what", "median"], rows)]


def _growth(part: list[dict]) -> list[str]:
    rows = [
        [
            case["case"],
            f"{case['seconds']:.0f} s",
            *_core_seconds(case),
            f"{case['mb_first_5']:.0f} MB",
            f"{case['mb']:.0f} MB",
        ]
        for case in part
    ]
    header = ["smoke study", "time", "core-seconds", "a network"]
    header += ["memory, first 5", "memory"]
    return ["## Growth", "", *table(header, rows)]


def _core_seconds(case: dict) -> tuple[str, str]:
    spent = case.get("core_seconds")  # earlier files lack it
    if spent is None:
        return "", ""
    return f"{spent:.0f} s", f"{spent / max(1, case['networks']):.2f} s"
