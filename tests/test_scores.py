import math

import numpy as np
import pytest

from keras_transfer.errors import UserError
from keras_transfer.recommendation.score_accuracy import (
    fit_linear_probe,
    linear_probe,
    nearest_class_mean,
    nearest_neighbours,
)
from keras_transfer.recommendation.score_evidence import (
    h_score,
    leep,
    logme,
    n_leep,
    transrate,
)
from keras_transfer.recommendation.score_similarity import (
    cka_between_stages,
    cka_with_labels,
    linear_cka,
)
from keras_transfer.recommendation.scores import SCORES, score_stage


def noisy_classes(images=60, features=8, classes=3, distance=1.5, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(images) % classes
    means = distance * rng.standard_normal((classes, features))
    return rng.standard_normal((images, features)) + means[labels], labels


def test_leep_of_two_source_classes():
    # theta = (.8 .2), (.6 .4), (.1 .9), (.5 .5); classes 0 0 1 1.
    # Sums of class 0: 1.4, 0.6; of class 1: 0.6, 1.4; of all: 2, 2.
    # P(0 | z) = .7, .3 and P(1 | z) = .3, .7.
    # Image 1: .8 x .7 + .2 x .3 = .62; 2: .42 + .12 = .54;
    # image 3: .1 x .3 + .9 x .7 = .66; 4: .15 + .35 = .5.
    theta = [[0.8, 0.2], [0.6, 0.4], [0.1, 0.9], [0.5, 0.5]]
    expected = sum(map(math.log, (0.62, 0.54, 0.66, 0.5))) / 4
    assert leep(theta, [0, 0, 1, 1]) == pytest.approx(expected, abs=1e-14)
    # A source class that is never predicted changes nothing.
    wider = np.insert(theta, 1, 0.0, axis=1)
    assert leep(wider, [5, 5, 7, 7]) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("classes", [5, 10, 15])
def test_leep_at_the_bounds_of_the_published_tests(classes):
    # google-research/stable_transfer tests its LEEP at the same two ends:
    # 0 for predictions that are the classes, log(1 / classes) for uniform.
    labels = np.arange(30 * classes) % classes
    assert leep(np.eye(30)[labels], labels) == 0
    uniform = np.full((len(labels), 30), 1 / 30)
    assert leep(uniform, labels) == pytest.approx(math.log(1 / classes))


def test_leep_tells_exchanged_arguments_and_logits():
    theta = np.full((4, 2), 0.5)
    with pytest.raises(UserError, match=r"\(probabilities, labels\)"):
        leep([0, 0, 1, 1], theta)
    with pytest.raises(UserError, match="Apply softmax"):
        leep([[2.0, -1.0], [0.0, 3.0]], [0, 1])


def test_n_leep_of_separate_clusters_is_0_and_of_none_is_chance():
    features, labels = noisy_classes(images=90, distance=60)
    assert n_leep(features, labels) == pytest.approx(0, abs=1e-6)
    assert n_leep(np.ones((9, 2)), np.arange(9) % 3) == pytest.approx(
        math.log(1 / 3)
    )


def test_h_score_between_and_within_classes():
    # f = -3, -1 for class 0 and 1, 3 for class 1: cov(f) = (9+1+1+9)/4 = 5;
    # class means -2 and 2: cov of the means = 4; 4 / 5.
    features = np.array([[-3.0], [-1.0], [1.0], [3.0]])
    labels = [0, 0, 1, 1]
    assert h_score(features, labels, shrunk=False) == pytest.approx(0.8)
    # One feature: Ledoit and Wolf shrink to the variance itself, so that only
    # the factor 1 - a is left. With x^2 = 9 1 1 9, their weight is
    # (mean x^4 - 5^2) / 4 / (mean square distance to the target, 0): a = 0.
    assert h_score(features, labels) == pytest.approx(0.8)
    # Features that are the classes: the number of classes minus 1, the upper
    # bound of Bao et al. (2019), whatever their scale and repetition.
    one_hot = np.eye(4)[np.arange(20) % 4]
    wide = np.hstack([one_hot, 7 * one_hot])
    assert h_score(wide, np.arange(20) % 4, shrunk=False) == pytest.approx(3)


def test_h_score_shrunk_is_the_formula_with_scikit_learns_covariance():
    from sklearn.covariance import LedoitWolf

    for features in (5, 40):
        x, labels = noisy_classes(images=30, features=features)
        fitted = LedoitWolf().fit(x)
        means = np.stack([x[labels == c].mean(0) for c in range(3)])[labels]
        between = (1 - fitted.shrinkage_) * np.cov(means.T, ddof=0)
        expected = np.trace(np.linalg.solve(fitted.covariance_, between))
        assert h_score(x, labels) == pytest.approx(expected, rel=1e-9)


def test_logme_of_one_feature_that_is_the_class():
    # f = 1 for class 0, else 0: spectrum s = 2 in any unit, N = 4.
    # Class 1 (explained 0, residual 2 + e): the noise alone explains it,
    # log p = -2 log(2 pi (2 + e) / 4) - 2 with the ratio without bound.
    # Class 0: y'C y = 2 u + e with u = r / (s + r), and
    # log p = -2 log(2 pi (2 u + e) / 4) - 2 + log(u) / 2, which is largest
    # where 4 / (2 u + e) = 1 / (2 u), at u = e / 6.
    e = 1e-5
    other = -2 * math.log(2 * math.pi * (2 + e) / 4) - 2
    own = -2 * math.log(2 * math.pi * (4 / 3 * e) / 4) - 2
    own += math.log(e / 6) / 2
    features = np.array([[1.0], [1.0], [0.0], [0.0]])
    found = logme(features, [0, 0, 1, 1])
    assert found == pytest.approx((own + other) / 8, abs=1e-6)
    assert logme(1e200 * features, [0, 0, 1, 1]) == pytest.approx(found)


def test_logme_is_the_largest_evidence_of_both_precisions():
    from scipy import optimize, stats

    x, labels = noisy_classes(images=24, features=5)

    def evidence(logs, y):
        a, b = np.exp(logs)
        covariance = x @ x.T / a + np.eye(24) / b
        return stats.multivariate_normal.logpdf(y, cov=covariance) / 24

    found = []
    for c in range(3):
        y = (labels == c).astype(float)
        best = optimize.minimize(
            lambda logs, y=y: -evidence(logs, y), (0, 0), method="Nelder-Mead"
        )
        found.append(-best.fun)
    assert logme(x, labels) == pytest.approx(np.mean(found), abs=1e-4)


def test_transrate_of_two_points():
    # Centred: -1 and 1, a class each. R = log(1 + 2 / (2 eps)) / 2; of each
    # class log(1 + 1 / eps) / 2: the same, so nothing is gained.
    pair = np.array([[0.0], [2.0]])
    assert transrate(pair, [0, 1], 0.5, normalise=False) == pytest.approx(0)
    # Two classes on axes of their own, already centred: F'F = diag(2, 2),
    # N = 4, eps = 1: R = log(1 + 2/4) = log 1.5; each class has one axis:
    # log(1 + 2/2) / 2 = log(2) / 2.
    cross = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    expected = math.log(1.5) - math.log(2) / 2
    for normalise in (False, True):  # Its mean squared length is 1.
        found = transrate(cross, [0, 0, 1, 1], 1, normalise)
        assert found == pytest.approx(expected)
    # Normalised, a stage does not win by its scale.
    assert transrate(1e3 * cross + 5, [0, 0, 1, 1], 1) == pytest.approx(
        expected
    )
    # At 1e180 log(1 + s) is log(s): log(2e360 / 4) - log(2e360 / 2) / 2.
    huge = transrate(1e180 * cross, [0, 0, 1, 1], 1, normalise=False)
    assert huge == pytest.approx(180 * math.log(10) + math.log(0.5))


def test_linear_cka_of_hand_made_features():
    # X = -1 0 1, Y = 1 -2 1 are orthogonal: 0. Z = 0 1 5, centred -2 -1 3:
    # (X'Z)^2 / (X'X Z'Z) = 5^2 / (2 x 14).
    x, y, z = (
        np.array([v], float).T for v in ([-1, 0, 1], [1, -2, 1], [0, 1, 5])
    )
    assert linear_cka(x, y) == pytest.approx(0)
    assert linear_cka(x, z) == pytest.approx(25 / 28)
    # More features than images: the way through the images is the same.
    assert linear_cka(np.tile(x, 9), np.tile(z, 7)) == pytest.approx(25 / 28)
    # Neither rotation nor scale counts.
    first, _ = noisy_classes()
    turned = 1e150 * first @ np.linalg.qr(first[:8])[0]
    for debiased in (False, True):
        assert linear_cka(first, turned, debiased) == pytest.approx(1)


def test_debiased_cka_of_four_images():
    # Kernels of 1-d features a = 1 -1 0 0 and b = 1 0 -1 0, zero diagonals:
    # K has -1 at (1, 2), L has -1 at (1, 3). tr(KL) = 0; sums -2 and -2:
    # 4 / (3 x 2) = 2/3; 1'KL1 = k.sum(0) @ l.sum(0) = (-1 -1 0 0).(-1 0 -1 0)
    # = 1, times 2 / 2: 2/3 - 1 = -1/3. Of K with itself: 2 + 2/3 - 2 = 2/3.
    a = np.array([[1.0], [-1], [0], [0]])
    b = np.array([[1.0], [0], [-1], [0]])
    assert linear_cka(a, b, debiased=True) == pytest.approx(-0.5)


def test_debiased_cka_of_noise_is_near_0_where_the_plain_one_is_near_1():
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((2, 20, 2000))
    assert linear_cka(first, second) > 0.95
    assert abs(linear_cka(first, second, debiased=True)) < 0.2


def test_cka_between_stages_and_with_labels():
    features, labels = noisy_classes()
    table = cka_between_stages([features, -3 * features, np.ones((60, 2))])
    assert table == pytest.approx(np.array([[1, 1, 0], [1, 1, 0], [0, 0, 0]]))
    # Each pair as by itself.
    other = noisy_classes(features=5, seed=1)[0]
    pair = cka_between_stages([features, other])[0, 1]
    assert pair == pytest.approx(linear_cka(features, other, debiased=True))
    with pytest.raises(UserError, match="at least 4 images"):
        cka_between_stages([features[:3]])
    assert cka_with_labels(np.eye(3)[labels], labels) == pytest.approx(1)
    with pytest.raises(UserError, match="same images"):
        linear_cka(features, features[:-1])


def test_accuracies_on_validation_images():
    # Class a at 0 and 2, class b at 10 and 12; means 1 and 11, so 5.9 is a
    # and 6.1 is b; z was never trained, so it is an error.
    features = np.array([[0.0], [2.0], [10.0], [12.0]])
    labels = np.array(["a", "a", "b", "b"])
    validation = (
        np.array([[5.9], [6.1], [9.0], [1.0]]),
        np.array(["a", "b", "b", "z"]),
    )
    for score in (nearest_class_mean, nearest_neighbours, linear_probe):
        assert score(features, labels, validation=validation) == 0.75


def test_cross_validated_accuracies_of_separate_classes_are_1():
    features, labels = noisy_classes(distance=20)
    for score in (nearest_class_mean, nearest_neighbours, linear_probe):
        assert score(features.astype(np.float16), labels) == 1


def test_the_probe_predicts_what_scikit_learns_pipeline_does():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    for images, features in ((60, 8), (30, 200)):
        x, labels = noisy_classes(images, features, distance=0.5)
        probe = fit_linear_probe(x, labels)
        # The penalty is on the mean loss, of 1000 images.
        model = make_pipeline(
            StandardScaler(),
            LogisticRegression(C=probe.strength * 1000 / images, tol=1e-6),
        ).fit(x, labels)
        new, _ = noisy_classes(200, features, distance=0.5, seed=1)
        agreement = np.mean(probe.predict(new) == model.predict(new))
        assert agreement >= 0.98


def test_two_classes_share_a_column_and_are_told_apart():
    features, labels = noisy_classes(classes=2, distance=4)
    probe = fit_linear_probe(features, labels + 3)
    assert probe.weights.shape == (8, 2)
    assert np.mean(probe.predict(features) == labels + 3) == 1


AWKWARD = {
    "constant": lambda x: np.ones_like(x),
    "zero": np.zeros_like,
    "one constant feature": lambda x: np.hstack([x, np.full((30, 1), 0.1)]),
    "16 bits": lambda x: (2e4 * x).clip(-6e4, 6e4).astype(np.float16),
    "huge": lambda x: 1e200 * x,
    "tiny": lambda x: 1e-200 * x,
    "far from 0": lambda x: x + 1e6,
    "singular": lambda x: np.repeat(x[:, :1], 6, axis=1),
    "wide": lambda x: np.tile(x, 40),
    "integers": lambda x: (10 * x).astype(np.int8),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", AWKWARD)
def test_awkward_features_give_finite_scores_without_a_warning(kind):
    features, labels = noisy_classes(30, 4)
    found = score_stage(AWKWARD[kind](features), labels)
    assert all(math.isfinite(value) for value in found.values())
    if kind in ("constant", "zero"):
        assert found["linear_probe"] == pytest.approx(1 / 3)
        assert found["h_score"] == found["transrate"] == 0
        assert found["cka_labels"] == 0


def test_one_image_a_class_leaves_out_what_cannot_be_held_out():
    rng = np.random.default_rng(0)
    found = score_stage(rng.standard_normal((5, 7)), np.arange(5))
    untold = {name for name, value in found.items() if math.isnan(value)}
    assert untold == {"linear_probe", "nearest_class_mean", "knn"}
    new = (rng.standard_normal((5, 7)), np.arange(5))
    found = score_stage(new[0], new[1], validation=new)
    assert found["knn"] == found["nearest_class_mean"] == 1


def test_a_class_with_one_image_among_many_counts_as_an_error():
    features, labels = noisy_classes(distance=20)
    # Far away, so that its own class mean takes no other image.
    features[0], labels[0] = -500, 9
    assert nearest_class_mean(features, labels) == pytest.approx(59 / 60)


def test_scores_come_in_the_order_of_the_table_and_again_alike():
    features, labels = noisy_classes()
    theta = np.full((60, 2), 0.5)
    found = score_stage(features, labels, seed=3, probabilities=theta)
    assert list(found) == [row.name for row in SCORES]
    assert found == score_stage(features, labels, 3, probabilities=theta)
    assert "leep" not in score_stage(features, labels)
    assert all(row.larger_is_better for row in SCORES)


@pytest.mark.parametrize("row", SCORES, ids=lambda row: row.name)
def test_larger_is_better(row):
    scores = []
    for distance in (0.0, 1.0, 3.0):
        features, labels = noisy_classes(90, distance=distance)
        given = {"features": features, "labels": labels}
        means = np.stack([features[labels == c].mean(0) for c in range(3)])
        logits = features @ means.T
        likely = np.exp(logits - logits.max(1, keepdims=True))
        given["probabilities"] = likely / likely.sum(1, keepdims=True)
        scores.append(row.function(*(given[name] for name in row.needs)))
    assert scores[0] < scores[1] <= scores[2]


@pytest.mark.parametrize(
    ("features", "labels", "text"),
    [
        (np.ones((4, 2)), [1, 1, 1, 1], "at least 2 classes"),
        (np.ones((4, 2, 2)), [0, 1, 0, 1], r"\(images, features\)"),
        (np.array([[np.nan], [1.0]]), [0, 1], "1 of 2 images"),
        (np.ones((4, 2)), [0, 1, 0], "4 classes, one an image"),
        (np.ones((4, 2)), np.eye(2)[[0, 1, 0, 1]], "one an image"),
        (np.ones((4, 2)), [0.5, 1.0, 0.0, 1.0], "whole"),
    ],
)
def test_what_cannot_be_scored_ends_in_a_sentence(features, labels, text):
    with pytest.raises(UserError, match=text):
        score_stage(features, labels)


def test_scores_take_one_thread(monkeypatch):
    from threadpoolctl import threadpool_info

    from keras_transfer.recommendation import scores

    seen = []

    def count(features, labels):
        seen.extend(library["num_threads"] for library in threadpool_info())
        return 0.0

    row = scores.Score("count", "count", count, ("features", "labels"), "")
    monkeypatch.setattr(scores, "SCORES", (row,))
    features, labels = noisy_classes()
    assert score_stage(features, labels) == {"count": 0.0}
    assert seen and set(seen) == {1}
