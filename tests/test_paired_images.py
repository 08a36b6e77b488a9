"""A paired test by test images, against McNemar's by hand."""

import numpy as np
import pytest
from scipy import stats

from keras_transfer.analysis.paired_images import (
    compare_halves,
    compare_images,
)
from keras_transfer.reports import summary
from keras_transfer.storage import correctness
from tests.helpers import made_up_row, summary_text, with_result


def bits(*counts):
    """Pairs of networks on images: both, first alone, second alone, none."""
    kinds = [(1, 1), (1, 0), (0, 1), (0, 0)]
    return np.array(np.repeat(kinds, counts, axis=0).T, bool)


def test_one_half_and_seed_is_mcnemars():
    found = compare_halves([[bits(50, 30, 14, 6)]])
    assert (found.images, found.mean) == (100, pytest.approx(0.16))
    assert (found.first_alone, found.second_alone) == (0.30, 0.14)
    # (30 - 14)^2 / (30 + 14), one degree of freedom.
    assert found.p == pytest.approx(stats.chi2.sf(16**2 / 44, 1))
    # Agresti: the variance of the difference is (44 - 16^2 / 100) / 100^2.
    reach = 1.959964 * (44 - 2.56) ** 0.5 / 100
    assert (found.low, found.high) == pytest.approx(
        (0.16 - reach, 0.16 + reach)
    )


def test_seeds_on_one_image_are_no_more_images():
    pair = bits(50, 30, 14, 6)
    once, thrice = compare_halves([[pair]]), compare_halves([[pair] * 3])
    assert thrice == once


def test_halves_count_alike():
    found = compare_halves([[bits(5, 3, 1, 1)], [bits(50, 10, 10, 30)]])
    assert found.images == 110
    assert found.mean == pytest.approx((0.2 + 0.0) / 2)


def test_networks_that_are_right_alike_do_not_differ():
    found = compare_halves([[bits(5, 0, 0, 5)]])
    assert (found.mean, found.low, found.high, found.p) == (0, 0, 0, 1)


@pytest.mark.parametrize("seed", [0, 1])
def test_p_values_are_uniform_where_nothing_differs(seed):
    rng = np.random.default_rng(seed)
    hard = rng.uniform(0, 1, 400)
    values = [
        compare_halves([list(rng.uniform(0, 1, (2, 2, 400)) < hard)]).p
        for _ in range(500)
    ]
    # 5 % of 500, and three standard errors of it.
    assert np.mean(np.array(values) < 0.05) == pytest.approx(0.05, abs=0.03)


def study(spec, splits=(0,), filed=True):
    rows = []
    for split in splits:
        for target in "AB":
            pair = bits(5, 2, 1, 2)
            for base, n, right in ((None, 0, pair[1]), (target, 3, pair[0])):
                made = made_up_row(
                    spec,
                    float(right.mean()),
                    split=split,
                    target=target,
                    base=base,
                    n=n,
                )
                rows.append(
                    with_result(
                        made,
                        images={"test": 10, "train": 10},
                        test_correct=correctness.pack(right) if filed else None,
                    )
                )
    return rows


def test_networks_of_one_split_are_compared(tiny_spec, tmp_path):
    rows = study(tiny_spec)
    found = compare_images(rows, "BnB", "base", 3)
    assert (found.images, found.mean) == (20, pytest.approx(0.1))
    assert compare_images(rows, "AnB", "base", 3) is None
    paths = summary.similar_report().write(rows, "T", "command", tmp_path)
    text = summary_text(paths)
    assert "| 3 | 20 | 10.0 | 20.0 | -10.0 [-33.6, +13.6] | 0.41 |" in text


def test_networks_on_all_classes_are_no_other_split(tiny_spec, tmp_path):
    rows = study(tiny_spec)
    alone = compare_images(rows, "BnB", "base", 3)
    rows.append(made_up_row(tiny_spec, 0.5, target="all"))
    assert compare_images(rows, "BnB", "base", 3) == alone
    paths = summary.similar_report().write(rows, "T", "command", tmp_path)
    assert "image by image" in summary_text(paths)


def test_several_splits_and_older_results_are_not(tiny_spec, tmp_path):
    assert compare_images(study(tiny_spec, (0, 1)), "BnB", "base", 3) is None
    rows = study(tiny_spec, filed=False)
    assert compare_images(rows, "BnB", "base", 3) is None
    paths = summary.similar_report().write(rows, "T", "command", tmp_path)
    assert "image by image" not in summary_text(paths)
