"""When to freeze: width against target images, a map of who wins.

Claim (the paper's introduction): with few target images *and* many weights
copied layers should be frozen, for fine-tuning would overfit; with many images
or few weights they should be fine-tuned. Each cell of the map has frozen
copies, fine-tuned ones and networks from scratch.

    python -m experiments.when_to_freeze --dataset cifar100 --tune
    python -m experiments.when_to_freeze --dataset cifar100 \\
        --learning-rates logs/when_to_freeze/cifar100/tuning/best.json

The first tries learning rates on the validation images of a split that the
map does not have, for each width and treatment, at one small size and at all
images, and writes best.json. The second trains the map. It may be trained in
runs of other widths, images and splits: `--tables` names the results.csv of
earlier ones, which are drawn too, and `--tune --learning-rates best.json`
searches the rates that this file lacks. `--longer` names those of runs with
more `--least-steps` and `--head-steps`; the page says what they change.

Cost: `--plan` says how long. Expected on CIFAR-100: see
logs/published/cifar100-when-to-freeze.
"""

import functools
import sys

from rich.console import Console

from experiments.common.running import (
    Study,
    command_main,
    run_study_script,
)
from experiments.when_to_freeze import widths
from experiments.when_to_freeze.design import NAME, FreezeSettings, design
from experiments.when_to_freeze.search import tune
from keras_transfer.analysis import freeze_table
from keras_transfer.reports import freeze_map
from keras_transfer.specs.paths import user_path


def study(settings: FreezeSettings) -> Study:
    """Lists the networks and says how they are reported.

    Args:
        settings: `FreezeSettings`.

    Returns:
        `Study`.

    Raises:
        UserError: If there is no such study, or a table or the rates do not
            belong to it.
    """
    # All that was given is checked before hours of training.
    plan = design(settings)
    specs, searched = plan.every(), settings.search()
    tables = [freeze_table.read(user_path(t)) for t in settings.tables]
    own = freeze_table.planned(specs, plan.most)
    freeze_table.check_alike([own, *tables])
    longer = [
        freeze_table.read(user_path(t), "longer") for t in settings.longer
    ]
    freeze_table.check_longer([own, *tables], longer)
    if searched is not None:
        others = [*tables, *longer]
        lines = [line for table in others for line in table.lines]
        searched.check_apart({int(line["split"]) for line in lines})
    write = functools.partial(
        freeze_map.write,
        f"When to freeze on {settings.dataset}",
        tables=tables,
        tuned=searched,
        longer=longer,
    )
    foresee = functools.partial(widths.foresee, plan.most)
    return Study(NAME, specs, write, whole=False, foresee=foresee)


def run(
    command: tuple[str, ...], settings: FreezeSettings, console: Console
) -> int:
    """Trains the map, or tunes its learning rates.

    Args:
        command: Tuple of strings, the words of the command that runs it.
        settings: `FreezeSettings`.
        console: `rich.console.Console`.

    Returns:
        Integer, exit status.
    """
    if settings.tune:
        return tune(command, settings, console)
    return run_study_script(settings, study(settings), console, command)


main = functools.partial(command_main, NAME, __doc__, run, FreezeSettings)

if __name__ == "__main__":
    sys.exit(main())
