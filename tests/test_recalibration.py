"""Frozen batch normalisation with the moments of the target's images."""

import dataclasses

import keras
import numpy as np
import pytest

from keras_transfer.errors import UserError
from keras_transfer.storage.store import RunStore
from keras_transfer.training import trainer
from keras_transfer.training.options import Options
from keras_transfer.transfer import actions, recalibration
from keras_transfer.transfer.proof import sha256


def build():
    return keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(2, name="one", use_bias=False),
            keras.layers.BatchNormalization(name="one_norm", epsilon=1.0),
            keras.layers.Dense(2, name="two", use_bias=False),
            keras.layers.BatchNormalization(name="two_norm", epsilon=1.0),
            keras.layers.Dense(2, name="three"),
        ]
    )


def test_moments_are_those_of_the_images_from_below_upwards(tmp_path):
    source, target = build(), build()
    for name in ("one", "two"):
        source.get_layer(name).kernel.assign(np.eye(2))
    source.get_layer("one_norm").moving_mean.assign([5.0, 5.0])
    plan = actions.plan_transfer(target, source, n=2)
    proof = actions.apply_plan(target, source, plan)
    images = np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 4.0]], "float32")
    batches = [(images[:2], None), (images[2:], None)]
    stored = tmp_path / "moments.npz"
    found = recalibration.recalibrate(target, proof, batches, stored)
    one, two = target.get_layer("one_norm"), target.get_layer("two_norm")
    np.testing.assert_allclose(one.moving_mean, [2, 2])
    np.testing.assert_allclose(one.moving_variance, [8 / 3, 2], rtol=1e-6)
    # The layer above sees what the new moments make of the images.
    np.testing.assert_allclose(two.moving_mean, [0, 0], atol=1e-6)
    expected = [8 / 3 / (8 / 3 + 1), 2 / 3]
    np.testing.assert_allclose(two.moving_variance, expected, rtol=1e-6)
    moments = [t for t in found.tensors if t.note == recalibration.NOTE]
    assert [t.target_path.rpartition("/")[2] for t in moments] == [
        "moving_mean",
        "moving_variance",
    ] * 2
    assert all(t.frozen and not t.copied for t in moments)
    assert moments[0].before_sha256 == sha256(one.moving_mean)
    others = [t for t in found.tensors if t not in moments]
    assert others == [t for t in proof.tensors if t in others]
    found.check()

    # A run that goes on has the same bits, whatever it would compute.
    again = build()
    proof = actions.apply_plan(
        again, source, actions.plan_transfer(again, source, n=2)
    )
    resumed = recalibration.recalibrate(again, proof, [], stored)
    assert [t.before_sha256 for t in resumed.tensors if t.frozen] == [
        t.before_sha256 for t in found.tensors if t.frozen
    ]


def test_settings_without_such_a_network_are_named(tiny_spec):
    settings = {"base": "B", "n": 3, "moments": "target"}
    spec = dataclasses.replace(tiny_spec, **settings)
    assert (spec.label, spec.treatment) == ("B3A-recal", "AnB-recal")
    assert spec.source.moments is None
    for changes, message in (
        ({"mode": "finetuned"}, "`moments` only of frozen layers"),
        ({"preserved": "all"}, "`moments` only of frozen layers"),
        ({"base": None, "n": 0}, "`moments` only of `base` 'A' or 'B'"),
        ({"moments": "source"}, "`moments` of a network among"),
        (
            {"model": dataclasses.replace(spec.model, normalization="none")},
            "`moments` only of batch normalisation",
        ),
    ):
        with pytest.raises(UserError, match=message):
            dataclasses.replace(spec, **changes)


@pytest.mark.slow
def test_a_recalibrated_network_is_proved_and_goes_on(
    tmp_path, tiny_pool, tiny_spec, base
):
    spec = dataclasses.replace(tiny_spec, base="A", n=3, moments="target")
    assert spec.source == base.spec

    class Stop(Exception):
        pass

    def stop(row):
        raise Stop

    options = Options(observe="off")
    whole = RunStore(tmp_path / "whole", "study").network(spec)
    result = trainer.train_network(whole, tiny_pool, base, options)
    broken = RunStore(tmp_path / "broken", "study").network(spec)
    with pytest.raises(Stop):
        trainer.train_network(broken, tiny_pool, base, options, report=stop)
    again = trainer.train_network(broken, tiny_pool, base, options)
    assert again.proof == result.proof
    moments = [t for t in result.proof if t["frozen"] and not t["source_path"]]
    assert len(moments) == 3 * 2
    assert all(t["before_sha256"] == t["after_sha256"] for t in moments)
