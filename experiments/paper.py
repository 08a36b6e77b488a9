"""The whole paper: every section and the supplement, as one study.

With `--preset paper` these are the authors' 170 networks: 134 of section 4.1,
16 of 4.2, 7 of 4.3, the network on all classes and 12 of the supplement.
With the other presets every script runs in full.

Claim: what the scripts of each section claim.

    python -m experiments.paper --plan --preset paper --dataset imagenet2012
    python -m experiments.paper --preset smoke

Cost: `--plan` says it; `--preset paper` is weeks of GPU time. Expected: the
values of 2014 (`reanalyse_2014`). Not measured.
"""

import dataclasses
import functools
import sys

from experiments import (
    all_classes,
    boost,
    dissimilar_datasets,
    preserved_layers,
    random_weights,
    reduced_data,
    similar_datasets,
    target_size,
)
from experiments.common.running import (
    Study,
    command_main,
    run_study,
    write_study,
)
from experiments.common.settings import Settings
from experiments.common.study_settings import GridSettings
from keras_transfer.analysis import results
from keras_transfer.storage.store import RunStore
from keras_transfer.studies import grids

_EVERY = (
    similar_datasets.STUDY,
    all_classes.STUDY,
    dissimilar_datasets.STUDY,
    random_weights.STUDY,
    reduced_data.STUDY,
    preserved_layers.STUDY,
    target_size.STUDY,
    boost.STUDY,
)


def _as(kind: type, settings: Settings, **changes) -> Settings:
    # Not those of a study's own: `paper` has none of them.
    known = {field.name for field in dataclasses.fields(kind)}
    values = {
        field.name: getattr(settings, field.name)
        for field in dataclasses.fields(GridSettings)
        if field.name in known
    }
    return kind(**{**values, **changes})


def published_studies(settings: GridSettings) -> list[Study]:
    """Lists the authors' 170 networks, section by section.

    Args:
        settings: `GridSettings`.

    Returns:
        List of `Study`.
    """
    similar = similar_datasets.study(settings)
    whole = all_classes.study(_as(all_classes.AllClassesSettings, settings))
    netbase = [spec for spec in whole.specs if spec.target == "all"]
    bases = [spec for spec in whole.specs if spec.target != "all"]
    dissimilar = dissimilar_datasets.study(
        _as(
            dissimilar_datasets.DissimilarSettings,
            settings,
            treatments=("AnB",),
        )
    )
    layers = settings.resolve().layers
    # Theirs were on all classes, with the paper's filler.
    random = netbase + grids.random_networks(netbase, layers, ("gaussian",))
    write = functools.partial(random_weights.STUDY.report, settings)
    return [
        dataclasses.replace(
            similar, specs=grids.published_networks(similar.specs)
        ),
        dataclasses.replace(whole, specs=bases + netbase),
        dissimilar,
        Study("random_weights", random, write),
        reduced_data.study(_as(reduced_data.ReducedSettings, settings)),
    ]


def study(settings: GridSettings) -> Study:
    """Lists the networks of all studies and says how they are reported.

    Args:
        settings: `GridSettings`.

    Returns:
        `Study`.
    """
    if settings.preset == "paper":
        parts = published_studies(settings)
    else:
        parts = [row.study(_as(row.settings, settings)) for row in _EVERY]
    specs = list(dict.fromkeys(s for part in parts for s in part.specs))

    def write(rows: list[results.Row], command, folder):
        by_spec = {row.spec: row for row in rows}
        store = RunStore(settings.log_dir, "paper")
        paths, lines = [], []
        for part in parts:
            own = [by_spec[spec] for spec in part.specs if spec in by_spec]
            if own:
                place = folder / part.script
                written, said = write_study(part, own, command, place, store)
                paths += written
                lines += said
        return paths, lines

    def foresee(_, facts):
        lines = []
        for part in parts:
            said = part.foresee(part.specs, facts)
            lines += [f"{part.script}:", *said] if said else []
        return lines

    return Study("paper", specs, write, whole=False, foresee=foresee)


main = functools.partial(
    command_main,
    "paper",
    __doc__,
    functools.partial(run_study, study),
    GridSettings,
)

if __name__ == "__main__":
    sys.exit(main())
