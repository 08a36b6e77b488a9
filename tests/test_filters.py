import dataclasses

import numpy as np
import pytest

from keras_transfer.errors import UserError
from keras_transfer.models import cnn
from keras_transfer.reports import filters
from keras_transfer.storage.store import RunStore
from tests.helpers import made_up_row, with_result


def save_untrained(store, spec, accuracy=0.5, **changes):
    """Saves an untrained network where the store looks for it."""
    row = made_up_row(spec, accuracy, **changes)
    row = with_result(row, model_sha256="of a file")
    network = cnn.build_network(row.spec.model, 18, 4, seed=row.spec.seed)
    place = store.network(row.spec)
    place.folder.mkdir(parents=True)
    network.save(place.model_path)
    return row, network


def test_kernels_are_those_of_the_saved_network(tiny_spec, tmp_path):
    store = RunStore(tmp_path, "similar_datasets")
    row, network = save_untrained(store, tiny_spec)
    kernels = filters.first_layer_kernels(store.network(row.spec).model_path)
    assert kernels.shape == (3, 3, 3, 4)
    np.testing.assert_array_equal(
        kernels, network.get_layer("conv1").kernel.numpy()
    )


def test_a_file_that_is_no_network_is_named(tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("not a network")
    with pytest.raises(UserError, match="first layer of .*model.keras"):
        filters.first_layer_kernels(path)


def test_mosaic_shows_each_kernel_once_unsmoothed():
    # Six kernels of one pixel: three columns, two rows of 40 px and gaps of 4.
    kernels = np.linspace(-1, 1, 6).reshape(1, 1, 1, 6).repeat(3, axis=2)
    tiles = filters.mosaic(kernels, bound=1.0)
    assert tiles.shape == (2 * 44 - 4, 3 * 44 - 4, 3)
    corners = tiles[::44, ::44, 0].ravel()
    np.testing.assert_allclose(corners, [0, 0.2, 0.4, 0.6, 0.8, 1])
    assert (tiles[:40, :40] == 0).all() and (tiles[40:44] == 1).all()
    # Beyond the scale, black and white.
    assert filters.mosaic(kernels, bound=0.1)[0, 0, 0] == 0


def test_bases_of_a_split_and_seed_stand_side_by_side(
    tiny_spec, tmp_path, monkeypatch
):
    store = RunStore(tmp_path / "logs", "all_classes")
    bgr = dataclasses.replace(tiny_spec.data, channels="bgr")
    rows, drawn = [], {}
    for target in ("A", "B", "all"):
        rows.append(save_untrained(store, tiny_spec, target=target)[0])
    for target in ("A", "B"):
        spec = dataclasses.replace(tiny_spec, data=bgr, seed=1)
        rows.append(save_untrained(store, spec, target=target)[0])
    rows.append(made_up_row(tiny_spec, 0.5, base="A", n=1))

    def plot(kernels, title, path):
        drawn[path.name] = kernels
        return [path]

    monkeypatch.setattr(filters, "plot_filters", plot)
    filters.write_filters(rows, store, tmp_path)
    assert {name: list(kernels) for name, kernels in drawn.items()} == {
        "filters-split0-seed0": ["baseA", "baseB", "baseAll"],
        "filters-split0-seed1": ["baseA", "baseB"],
    }
    # Of many pairs the first ones are drawn.
    monkeypatch.setattr(filters, "MOST_FIGURES", 1)
    paths = filters.write_filters(rows, store, tmp_path)
    assert [path.name for path in paths] == ["filters-split0-seed0"]
    # What saw blue first is shown in red, green and blue all the same.
    path = store.network(rows[3].spec).model_path
    np.testing.assert_array_equal(
        drawn["filters-split0-seed1"]["baseA"],
        filters.first_layer_kernels(path)[:, :, ::-1],
    )


def test_figure_is_drawn(tmp_path):
    kernels = np.random.default_rng(0).normal(size=(3, 3, 3, 32))
    paths = filters.plot_filters(
        {"baseA": kernels, "baseB": kernels}, "Title", tmp_path / "filters"
    )
    assert [path.suffix for path in paths] == [".svg", ".png"]
    text = paths[0].read_text()
    assert "baseB: 32 kernels of 3x3" in text and "grey is 0" in text
