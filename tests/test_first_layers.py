"""First layers: shapes of kernels, kernels matched, layers compared."""

import dataclasses

import numpy as np
import pytest

from experiments import first_layers as script
from keras_transfer.analysis import first_layers as tables
from keras_transfer.analysis import kernel_matching, kernel_shapes
from keras_transfer.analysis.first_layers import KernelRow, PairRow
from keras_transfer.errors import UserError
from keras_transfer.reports import first_layers_text
from keras_transfer.reports.filters import first_layer_kernels
from keras_transfer.storage.store import RunStore

SIDE = 7


def bell(*centre, width=1.6):
    """A round bell, at each pixel."""
    y, x = np.mgrid[:SIDE, :SIDE]
    square = (x - centre[0]) ** 2 + (y - centre[1]) ** 2
    return np.exp(-square / (2 * width**2))


def edge(angle, frequency=0.2, phase=1.0):
    """A wave below a bell, at each pixel."""
    y, x = np.mgrid[:SIDE, :SIDE] - 3
    along = x * np.cos(angle) + y * np.sin(angle)
    return bell(3, 3) * np.cos(2 * np.pi * frequency * along + phase)


def coloured(shape, *colour):
    return shape[..., None] * np.array(colour)


def kernels(count, seed=0):
    return np.random.default_rng(seed).normal(size=(SIDE, SIDE, 3, count))


@pytest.mark.parametrize("angle", [0.0, 0.4, 2.0])
def test_an_edge_is_a_gabor_function_and_no_blob(angle):
    found = kernel_shapes.fit_shapes(coloured(edge(angle), 1.0, -0.5, 0.2))
    assert found.gabor == pytest.approx(1, abs=1e-3)
    assert found.blob < 0.8
    assert found.explained == found.gabor


def test_a_blob_may_lie_anywhere_and_have_any_colour():
    found = kernel_shapes.fit_shapes(coloured(bell(2.3, 4.1), -1.0, 0.0, 0.3))
    assert found.blob == pytest.approx(1, abs=1e-3)
    # A uniform kernel is a wide blob, within what the widest bell is.
    assert kernel_shapes.fit_shapes(np.ones((SIDE, SIDE, 3))).blob > 0.99


def test_shares_by_hand():
    # Two edges across each other in two colours: each has half of the energy,
    # and a single colour gets one of them.
    first = edge(0, 0.25, 0)
    both = coloured(first, 1, 0, 0) + coloured(first.T, 0, 1, 0)
    assert kernel_shapes.fit_shapes(both).gabor == pytest.approx(0.5, abs=0.02)


def test_of_noise_little_is_explained():
    shares = [
        kernel_shapes.fit_shapes(kernel).explained
        for kernel in np.moveaxis(kernels(6), -1, 0)
    ]
    assert 0.05 < np.mean(shares) < 0.25


@pytest.mark.parametrize("shape", [(7, 7), (7, 5, 3), (1, 1, 3)])
def test_what_is_no_kernel_is_refused(shape):
    with pytest.raises(UserError, match=r"\(side, side, channels\).*Received"):
        kernel_shapes.fit_shapes(np.ones(shape))
    with pytest.raises(UserError, match="not all 0"):
        kernel_shapes.fit_shapes(np.zeros((7, 7, 3)))


def test_kernels_are_found_again_in_another_order_and_sign():
    first = kernels(5)
    order = np.array([3, 0, 4, 1, 2])
    second = 2.5 * first[..., order]
    second[..., 1] *= -1
    found = kernel_matching.match_kernels(first, second)
    # Kernel 0 of the first stands second in the other, with its sign turned.
    np.testing.assert_array_equal(found.places, np.argsort(order))
    np.testing.assert_array_equal(found.signs, [-1, 1, 1, 1, 1])
    np.testing.assert_allclose(found.cosines, 1)
    assert found.mean == pytest.approx(1)
    with pytest.raises(UserError, match="one shape.*Received"):
        kernel_matching.match_kernels(first, kernels(4))


def test_mixtures_are_no_particular_kernels():
    first = kernels(16)
    mixed = kernel_matching.match_mixtures(first, first)
    chance = kernel_matching.match_kernels(first, kernels(16, 1)).mean
    # Kernels are themselves, but not what a rotation makes of them; that lies
    # in their span, and noise elsewhere.
    assert chance < mixed < 0.6
    assert mixed == kernel_matching.match_mixtures(first, first)


def kernel_rows(shares):
    """Rows of two kernels each: shares by split, weights."""
    return [
        KernelRow(split, 0, "A", weights, place, share + step, 0.0)
        for split, own in enumerate(shares)
        for weights, share in own.items()
        for place, step in enumerate((-0.1, 0.1))
    ]


def test_shares_over_splits_by_hand():
    rows = kernel_rows(
        [
            {tables.TRAINED: 0.5, tables.UNTRAINED: 0.2},
            {tables.TRAINED: 0.6, tables.UNTRAINED: 0.2},
            {tables.TRAINED: 0.7, tables.UNTRAINED: 0.2},
        ]
    )
    found = tables.share(rows, tables.TRAINED, tables.UNTRAINED)
    # Mean of 0.3, 0.4, 0.5; t with 2 degrees of freedom is 4.303, the
    # standard error 0.1 / sqrt(3).
    assert found.mean == pytest.approx(0.4)
    assert found.high == pytest.approx(0.4 + 4.3027 * 0.057735, abs=1e-4)
    assert tables.share(rows, tables.TRAINED, tables.SHUFFLED) is None
    assert tables.share(rows, tables.TRAINED, shape="blob").mean == 0


def pair_rows():
    """Similarities that fall with the layer, faster for other classes."""
    rows = []
    for split, step in enumerate((-0.01, 0.0, 0.01)):
        for layer in range(1, 9):
            for pair, fall in ((tables.OTHER, 0.1), (tables.SAME, 0.05)):
                value = 1 + step - fall * layer
                rows.append(PairRow(split, 0, pair, tables.CKA, layer, value))
        for measure, value in ((tables.MATCHED, 0.5), (tables.MIXED, 0.3)):
            rows.append(
                PairRow(split, 0, tables.OTHER, measure, 1, value + step)
            )
    return rows


def test_similarities_over_splits_by_hand():
    rows = pair_rows()
    found = tables.similarity(rows, tables.OTHER, tables.CKA, 8)
    assert found.mean == pytest.approx(0.2)
    assert found.high == pytest.approx(0.2 + 4.3027 * 0.0057735, abs=1e-4)
    minus = (tables.OTHER, tables.CKA)
    specific = tables.similarity(rows, tables.SAME, tables.CKA, 8, minus)
    # Splits differ alike in both, so that the difference is known exactly.
    assert specific.mean == pytest.approx(0.4)
    assert specific.high - specific.low < 1e-6


def test_tables_survive_their_files_and_the_page_has_their_numbers(tmp_path):
    shares = {tables.TRAINED: 0.5, tables.UNTRAINED: 0.25}
    shapes, pairs = kernel_rows([shares] * 3), pair_rows()
    (tmp_path / "kernels.csv").write_text(tables.as_csv(shapes))
    (tmp_path / "pairs.csv").write_text(tables.as_csv(pairs))
    assert tables.read_pairs(tmp_path / "pairs.csv")[0] == pairs[0]
    (tmp_path / "results.csv").write_text(
        "name,split,test_accuracy,train_accuracy\n"
        "x/split0/baseA/seed0,0,0.4,0.6\n"
        '"x/split0/baseA/seed0, shuffled labels",0,0.02,0.1\n'
    )
    page = first_layers_text.text(tmp_path, "Title", "command")
    assert "1 base networks of 1 split: 40.0 % on test images" in page
    assert "10.0 % of these learnt" in page
    assert "explains 50.0 [50.0, 50.0] %" in page
    assert "kernels: +25.0 [+25.0, +25.0]" in page
    assert "shuffled labels: not measured." in page
    assert "Minus random mixtures: +0.20 [+0.20, +0.20]" in page
    assert "| fc8 | 0.20 [0.18, 0.22] | 0.60 [0.58, 0.62] |" in page
    assert first_layers_text.in_short(tmp_path) == (
        "Such shapes explain 50.0 [50.0, 50.0] % of a kernel's energy; minus "
        "untrained +25.0 [+25.0, +25.0] (present), minus shuffled labels not "
        "measured. Matched kernels, other - same classes: not measured. CKA "
        "of baseA and baseB: conv1 0.90 [0.88, 0.92], fc8 0.20 [0.18, 0.22]; "
        "same - other classes: +0.40 [+0.40, +0.40]"
    )


def test_networks_are_bases_and_controls():
    settings = script.FirstSettings(dataset="cifar100")
    found = script.specs(settings)
    assert len(found) == 8 + 2 + 4
    assert all(spec.is_base for spec in found)
    assert {spec.model.first_kernel for spec in found} == {7}
    dealt = [spec for spec in found if spec.data.labels]
    assert [(s.data.split, s.label) for s in dealt] == [
        (0, "baseA"),
        (1, "baseA"),
    ]
    again = [(s.data.split, s.label) for s in found if s.seed == 1]
    assert again == [(split, "baseB") for split in range(4)]
    wrong = dataclasses.replace(settings, shuffled_splits=(5,))
    with pytest.raises(UserError, match="`shuffled_splits` among.*5"):
        script.specs(wrong)


def test_who_is_compared_with_whom(tiny_pool, tiny_spec, monkeypatch):
    from keras_transfer.training import base_pairs
    from keras_transfer.training.base_layers import BaseLayers

    def layers(network, pool, part, trained):
        spec = network.spec
        if spec.data.labels:
            seed = 1
        elif not trained:
            seed = 2
        else:
            # Both seeds of half B have learnt the same.
            seed = 3 + (spec.target == "B")
        draw = np.random.default_rng(seed)
        outputs = [draw.normal(size=(len(part), 3)) for _ in range(8)]
        return BaseLayers(draw.normal(size=(3, 3, 3, 2)), outputs)

    monkeypatch.setattr(base_pairs, "find_layers", layers)
    store = RunStore("logs", "study")
    half_b = dataclasses.replace(tiny_spec, target="B")
    dealt = dataclasses.replace(tiny_spec.data, labels="shuffled")
    specs = (
        tiny_spec,
        half_b,
        dataclasses.replace(half_b, seed=1),
        dataclasses.replace(tiny_spec, data=dealt),
    )
    found = base_pairs.measure([store.network(s) for s in specs], tiny_pool, 40)
    assert found.images == 40
    # Three networks and their starts, one on shuffled labels; two kernels.
    assert len(found.kernels) == 2 * (3 + 3 + 1)
    values = {
        row.pair: row.value
        for row in found.pairs
        if (row.measure, row.layer) == (tables.CKA, 8)
    }
    assert set(values) == set(tables.PAIRS)
    # Equal outputs are the same, others not.
    assert values[tables.SAME] == pytest.approx(1)
    assert values[tables.STARTS] == pytest.approx(1)
    assert max(values[tables.OTHER], values[tables.SHUFFLED]) < 0.5
    matched = {
        row.pair: row.value
        for row in found.pairs
        if row.measure == tables.MATCHED
    }
    assert matched[tables.SAME] == pytest.approx(1)
    assert matched[tables.OTHER] < 0.9


def test_a_network_is_looked_at_layer_by_layer(tiny_pool, base):
    from keras_transfer.training import base_layers

    pool = tiny_pool
    part = base_layers.shared_images(pool, 16)
    # Two of each of eight classes, with the labels of the pool.
    assert np.bincount(part.labels).tolist() == [2] * 8
    trained, start = (
        base_layers.find_layers(base, pool, part, which)
        for which in (True, False)
    )
    np.testing.assert_array_equal(
        trained.kernels, first_layer_kernels(base.model_path)
    )
    assert not np.array_equal(trained.kernels, start.kernels)
    # Width 4 at 18 px: 9x9 places after the pooling; 4 classes in the end.
    sizes = [outputs.shape for outputs in trained.outputs]
    assert sizes[0] == (16, 9 * 9 * 4) and sizes[-1] == (16, 4)
    assert len(sizes) == 8


@pytest.mark.slow(35)
def test_script_trains_measures_and_reports_on_the_embedded_set(tmp_path):
    arguments = ["--preset", "smoke", "--splits", "0", "--shuffled-splits", "0"]
    arguments += ["--width", "4", "--epochs", "1", "--images-per-class", "10"]
    arguments += ["--test-images", "40", "--learning-rate", "0.05", "--quiet"]
    arguments += ["--log-dir", str(tmp_path)]
    assert script.main(arguments) == 0
    study = tmp_path / "first_layers" / "synthetic_shapes"
    (report,) = study.glob("report-*")
    names = {path.name for path in report.iterdir()}
    for name in ("first_layers", "kernels"):
        assert {f"{name}.svg", f"{name}.png"} <= names
    assert len(tables.read_kernels(report / "kernels.csv")) == 4 * 7
    page = (report / "summary.md").read_text()
    assert "3 base networks of 1 split" in page and "conv5" in page
