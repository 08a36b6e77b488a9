"""Programs and bases that a process keeps: used again, never mixed up."""

import dataclasses

import numpy as np
import pytest

from keras_transfer.errors import NetworkFailed
from keras_transfer.models.cnn import build_network
from keras_transfer.specs.settings import ModelSpec
from keras_transfer.storage.store import RunStore
from keras_transfer.training import trainer
from keras_transfer.training.kept import Kept, Program, ProgramKey
from keras_transfer.training.options import Options
from tests.conftest import TINY_SPEC
from tests.trained import (
    Stop,
    assert_same_bits,
    assert_same_weights,
    stop_in_epoch,
)

SECOND = dataclasses.replace(TINY_SPEC, seed=1)


def network(seed, frozen=()):
    model = build_network(ModelSpec("cnn8", width=4), 18, 4, seed)
    for name in frozen:
        model.get_layer(name).trainable = False
    return model


def key_of(model, spec=TINY_SPEC, steps=3, rates=()):
    return ProgramKey.of(spec, 4, steps, model, rates)


def test_a_key_tells_apart_what_is_compiled_otherwise():
    solver = dataclasses.replace(TINY_SPEC.solver, momentum=0.5)
    keys = [
        key_of(network(0)),
        key_of(network(0, frozen=["conv1"])),
        key_of(network(0), dataclasses.replace(TINY_SPEC, solver=solver)),
        key_of(network(0), steps=4),
        key_of(network(0), rates=(0.5,) * 24),
    ]
    assert len(set(keys)) == len(keys)
    # Seeds, halves and sources are values, not programs.
    assert key_of(network(1), SECOND) == keys[0]


def test_a_program_that_is_in_use_is_not_given_again():
    kept, first, second = Kept(), network(0), network(1)
    key = key_of(first)
    program = kept.take_program(key, first)
    assert program.model is first
    assert kept.take_program(key, second).model is second
    kept.put_back(key, program)
    again = kept.take_program(key, second)
    assert again is program
    assert_same_weights(first.get_weights(), second.get_weights())


def test_what_was_put_in_longest_ago_is_forgotten():
    kept, models = Kept(programs=2), [network(seed) for seed in range(3)]
    keys = [key_of(models[0], steps=steps) for steps in (3, 4, 5)]
    for key, model in zip(keys, models, strict=True):
        kept.put_back(key, Program(model))
    other = network(3)
    found = [kept.take_program(key, other).model is not other for key in keys]
    assert found == [False, True, True]


def test_no_more_bytes_are_kept_than_are_allowed(base):
    model = network(0)
    size = sum(weight.numpy().nbytes for weight in model.weights)
    kept = Kept(weight_bytes=2 * size)
    keys = [key_of(model, steps=steps) for steps in (3, 4, 5)]
    for key in keys:
        kept.put_back(key, Program(network(0)))
    found = [kept.take_program(key, model).model is not model for key in keys]
    assert found == [False, True, True]
    # What is too large by itself is not kept at all.
    small = Kept(weight_bytes=size - 1)
    small.put_back(keys[0], Program(network(0)))
    assert small.take_program(keys[0], model).model is model
    assert small.load_base(base) is not small.load_base(base)


def test_a_base_is_read_once_and_checked_each_time(base):
    kept = Kept()
    first = kept.load_base(base)
    assert kept.load_base(base) is first
    content = bytearray(base.model_path.read_bytes())
    content[len(content) // 2] ^= 1
    base.model_path.write_bytes(content)
    with pytest.raises(NetworkFailed, match="checksum differs"):
        kept.load_base(base)


@pytest.mark.slow(10)
def test_a_network_in_an_earlier_ones_program_has_the_same_bits(
    base, tmp_path, tiny_pool
):
    options = Options(kept=Kept())
    store = RunStore(tmp_path / "kept", "study")
    first, second = store.network(TINY_SPEC), store.network(SECOND)
    trainer.train_network(first, tiny_pool, options=options)
    # Stopped in its program, which is then no longer kept, and resumed.
    with pytest.raises(Stop):
        trainer.train_network(
            second, tiny_pool, options=options, report=stop_in_epoch(1)
        )
    resumed = trainer.train_network(second, tiny_pool, options=options)
    assert resumed.resumed_at_epoch == [1]
    # In the program of the one that was resumed.
    again = RunStore(tmp_path / "again", "study").network(TINY_SPEC)
    result = trainer.train_network(again, tiny_pool, options=options)
    alone = RunStore(tmp_path / "alone", "study").network(SECOND)
    expected = trainer.train_network(alone, tiny_pool)
    assert_same_bits(second, alone)
    assert_same_bits(again, base)
    for name in ("test_correct", "test_loss", "layers", "proof"):
        assert getattr(resumed, name) == getattr(expected, name)
        assert getattr(result, name) == getattr(base.read_result(), name)
    assert not np.array_equal(resumed.test_loss, result.test_loss)
