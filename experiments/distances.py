"""What `dissimilar_datasets` and `random_weights` share: one figure 3."""

from experiments.running import Writer
from experiments.settings import OverlaySettings
from keras_transfer import distance, reference, results
from keras_transfer.specs import NetworkSpec
from keras_transfer.store import RunStore


def finished_beside(
    store: RunStore, specs: list[NetworkSpec]
) -> list[results.Row]:
    """Finds finished networks of the same recipe in every study.

    Args:
        store: `RunStore`.
        specs: List of `NetworkSpec` of the study that is reported.

    Returns:
        List of `Row`: of each section whatever is finished, with the same
        data set, image size, model, solver and seeds.
    """
    own = set(specs)
    first = specs[0]
    seeds = {spec.seed for spec in specs}

    def recipe(spec: NetworkSpec) -> tuple:
        data = spec.data
        return (
            data.name,
            data.image_size,
            data.crop,
            data.views,
            data.images_per_class,
            data.mean,
            data.channels,
            spec.model,
            spec.solver,
        )

    found = []
    for result in store.finished():
        row = results.row_of(result)
        other = row.spec
        if other in own or other.seed not in seeds:
            continue
        kinds = other.data.halves is not None
        if kinds and first.data.halves not in (None, other.data.halves):
            continue
        if recipe(other) == recipe(first):
            found.append(row)
    return found


def distance_writer(
    settings: OverlaySettings, specs: list[NetworkSpec], title: str
) -> Writer:
    """Returns what reports networks beside those of the other sections.

    Args:
        settings: `OverlaySettings`.
        specs: List of `NetworkSpec`.
        title: String.

    Returns:
        `Writer`.
    """

    def write(rows, command, folder):
        store = RunStore(settings.log_dir, "beside")
        every = [*rows, *finished_beside(store, specs)]
        published = None
        if settings.overlay_2014:
            published = reference.published_drops()
        paths = distance.write_report(every, title, command, folder, published)
        lines = [
            f"Section {claim.number}: {claim.text} "
            f"{claim.verdict.upper()}: {claim.effect}"
            for claim in distance.claims(every)
        ]
        return paths, lines

    return write
