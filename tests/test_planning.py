import dataclasses
import re

import pytest

from experiments import similar_datasets
from experiments.common.claim_plan import expected_claims
from experiments.common.settings import parse
from experiments.common.study_settings import SimilarSettings
from keras_transfer.errors import UserError
from keras_transfer.specs.presets import find_recipe
from keras_transfer.specs.speed import Speed
from keras_transfer.specs.treatments import TREATMENTS
from keras_transfer.storage.result import Result
from keras_transfer.storage.store import RunStore
from keras_transfer.studies import dataset_facts, grids, planning
from keras_transfer.studies.machine_speed import Setting


def study(**changes):
    arguments = {
        "splits": (0,),
        "seeds": (0,),
        "layers": (1, 2, 3, 4, 5, 6, 7),
        "treatments": TREATMENTS,
    }
    preset = find_recipe("cifar100", "earlier", None)
    grid = grids.Grid(**{**arguments, **changes})
    return grids.similar_networks("cifar100", preset, grid)


def test_one_split_has_58_networks_bases_first():
    specs = study()
    assert len(specs) == len(set(s.network_id for s in specs)) == 58
    assert [s.label for s in specs[:2]] == ["baseA", "baseB"]
    labels = {s.label for s in specs}
    assert {"A3A", "A3B", "B3A", "B3B", "A3A+", "B7A+"} <= labels
    for index, spec in enumerate(specs[2:], 2):
        assert specs.index(spec.source) < index


def test_more_seeds_keep_the_networks_there_are():
    few, more = study(), study(seeds=(0, 1))
    assert len(more) == 116
    assert set(few) < set(more)


def test_no_treatment_means_the_bases_alone():
    assert [s.label for s in study(treatments=())] == ["baseA", "baseB"]


def test_twice_adds_bases_of_twice_the_epochs():
    words = ["--dataset", "cifar100", "--layers", "3"]
    plain, twice = (
        similar_datasets.study(
            parse("similar_datasets", "", [*words, *more], SimilarSettings)
        ).specs
        for more in ([], ["--twice"])
    )
    assert len(plain) == 10 and twice[:10] == plain
    assert twice[10:] == grids.long_bases(plain[:2])


def test_bases_of_twice_the_epochs_can_be_left_out():
    plain, without = main_job("--layers", "3"), main_job("--no-twice")
    assert grids.long_bases([plain[0]])[0] in plain
    assert {s.solver.epochs for s in without} == {plain[0].solver.epochs}
    with pytest.raises(UserError, match="`twice` or `no_twice`.*both"):
        main_job("--twice", "--no-twice")


def test_twice_with_bases_alone_tells_whether_they_are_trained_out():
    words = ["--dataset", "cifar100", "--treatments", "--twice"]
    settings = parse("similar_datasets", "", words, SimilarSettings)
    specs = similar_datasets.study(settings).specs
    assert [s.label for s in specs] == ["baseA", "baseB"] * 2
    assert {s.solver.epochs for s in specs[2:]} == {2 * specs[0].solver.epochs}


def main_job(*words):
    settings = parse("similar_datasets", "", list(words), SimilarSettings)
    return similar_datasets.study(settings).specs


def test_the_main_job_holds_its_time_by_its_networks():
    """Nine minutes on two older cores: more networks or epochs need more."""
    specs = main_job()
    facts = dataset_facts.KNOWN_FACTS["synthetic_shapes"]
    costs = [planning.training_cost(spec, facts) for spec in specs]
    # Both halves and three seeds: a base, 8 with copied layers, a long base.
    assert len(specs) == len(set(specs)) == 2 * 3 * (1 + 8 + 1)
    assert sum(costs) < 9.5e12  # floating-point operations
    long = [spec for spec in specs if spec.solver.epochs == 40]
    assert [(s.label, s.seed) for s in long] == [
        (f"base{half}", seed) for seed in (0, 1, 2) for half in "AB"
    ]


def test_what_is_given_stands_in_the_main_job():
    words = "--splits 3 --layers 5 --treatments AnB --seeds 4"
    specs = main_job(*words.split())
    assert {(s.data.split, s.seed, s.n) for s in specs} == {
        (3, 4, 0),
        (3, 4, 5),
    }
    assert len(main_job("--treatments")) == 2 * 3 * 2
    # At smoke size one seed and no bases of twice the epochs.
    assert len(main_job("--preset", "smoke")) == 2 * 9


@pytest.mark.parametrize(
    "changes, text",
    [
        ({"layers": (0,)}, "`layers` among 1 to 7. Received: 0"),
        ({"layers": (8,)}, "Received: 8"),
        ({"layers": (3, 3)}, "each of `layers` once. Received 3 twice"),
        ({"layers": ()}, "at least one layer"),
        ({"treatments": ("AnC",)}, "`treatments` among.*Received: AnC"),
        ({"splits": (-1,)}, "`splits`.*Received: -1"),
        ({"seeds": (1, 1)}, "Received 1 twice"),
        ({"seeds": ()}, "in `seeds`"),
    ],
)
def test_bad_values_are_named(changes, text):
    with pytest.raises(UserError, match=text):
        study(**changes)


def test_cost_of_a_base_by_hand():
    # Half of 50,000 images less a tenth: 22,500, 175 batches of 128, 12
    # epochs, three forward passes each but two of conv1; 2,500 looked at 12
    # times, 5,000 once.
    spec = study()[0]
    facts = dataset_facts.KNOWN_FACTS["cifar100"]
    forward = 28_227_584  # width 32 on crops of 28 px, 50 classes
    seen = 175 * 128 * 12
    conv1 = 28 * 28 * 2 * 3 * 3 * 3 * 32
    expected = forward * (seen * 3 + 2_500 * 12 + 5_000) - conv1 * seen
    assert planning.training_cost(spec, facts) == pytest.approx(expected)
    frozen = dataclasses.replace(spec, base="A", target="B", n=7)
    finetuned = dataclasses.replace(frozen, mode="finetuned")
    assert planning.training_cost(frozen, facts) < 0.4 * (
        planning.training_cost(finetuned, facts)
    )


def test_plan_learns_its_speed_from_finished_networks(tmp_path):
    specs = study()
    store = RunStore(tmp_path, "study")
    facts = dataset_facts.KNOWN_FACTS["cifar100"]
    plan = planning.make_plan(specs, store, facts)
    assert len(plan.pending) == 58 and plan.basis == planning.GUESSED
    network = store.network(specs[0])
    network.begin()
    network.model_path.write_bytes(b"weights")
    network.complete(
        Result(
            resumed_at_epoch=[],
            seconds=101.5,
            reused_keras_layers=0,
            environment={"threads": 2},
        )
    )
    plan = planning.make_plan(specs, store, facts, Setting(1, 2))
    assert plan.basis == planning.FINISHED and len(plan.pending) == 57
    # All but what a network takes beside its steps is the other base's too,
    # which is the first that its process compiles.
    beside = Speed().network
    assert plan.networks[1].seconds == pytest.approx(101.5 + Speed().program)
    # Half the threads take twice as long, two workers half of that.
    alone = planning.make_plan(specs, store, facts, Setting(1, 1))
    once = 2 * (101.5 - beside) + beside + Speed().program
    assert alone.networks[1].seconds == pytest.approx(once)
    pair = planning.make_plan(specs, store, facts, Setting(2, 1))
    times = [sum(n.seconds for n in plan.pending) for plan in (alone, pair)]
    assert pair.seconds == pytest.approx(pair.start_seconds + times[1] / 2)
    # Either process compiles what it has not met.
    assert times[1] > times[0] + Speed().program


def test_plan_counts_what_frozen_layers_store(tmp_path):
    specs = [
        dataclasses.replace(s, data=dataclasses.replace(s.data, views=4))
        for s in study(layers=(5, 7))
    ]
    store = RunStore(tmp_path, "study")
    facts = dataset_facts.KNOWN_FACTS["cifar100"]
    plain = planning.make_plan(specs, store, facts)
    reusing = planning.make_plan(specs, store, facts, reuse_bytes=2e9)
    assert plain.stored_bytes == 0
    # A view of conv5 is 1,024 values, one of fc6 256; BnB and AnB, both ways.
    images = 4 * 22_500 + 2_500
    assert reusing.stored_bytes == 4 * 4 * (1_024 + 256) * images
    assert reusing.seconds < plain.seconds
    times = [sum(n.seconds for n in plan.networks) for plan in (plain, reusing)]
    assert reusing.saved_seconds == pytest.approx(times[0] - times[1])
    small = planning.make_plan(specs, store, facts, reuse_bytes=1e8)
    assert small.stored_bytes == 4 * 4 * 256 * images


def test_unknown_size_gives_no_time(tmp_path):
    store = RunStore(tmp_path, "study")
    assert dataset_facts.find_facts(store, "beans", 32, str(tmp_path)) is None
    plan = planning.make_plan(study(), store, None)
    assert plan.seconds is None and plan.disk_bytes is None


def test_facts_of_a_prepared_set_need_no_tensorflow(
    shared_data, tmp_path, monkeypatch
):
    monkeypatch.delitem(dataset_facts.KNOWN_FACTS, "cifar100")
    facts = dataset_facts.find_facts(
        RunStore(tmp_path, "s"),
        "cifar100",
        32,
        str(shared_data / "data" / "tfds"),
    )
    assert facts == dataset_facts.DatasetFacts(100, 50_000, 10_000)


def test_a_plan_says_how_wide_the_intervals_will_be(tiny_spec):
    def specs(splits, seeds):
        bases = [
            dataclasses.replace(
                tiny_spec,
                seed=seed,
                target=target,
                data=dataclasses.replace(tiny_spec.data, split=split),
            )
            for split in range(splits)
            for seed in range(seeds)
            for target in "AB"
        ]
        return bases + [
            dataclasses.replace(base, base=base.target, n=n)
            for base in bases
            for n in (3, 4)
        ]

    def width(lines):
        (line,) = [x for x in lines if x.startswith("2. base - BnB, n 3 to 4")]
        return float(re.search(r"± ([0-9.]+) points", line)[1])

    whole = dataset_facts.DatasetFacts(8, 10_000, 10_000)
    few, more = (expected_claims(specs(2, k), whole) for k in (1, 3))
    assert few[0].startswith("What 12 networks can tell of claims 2 to 5")
    assert width(more) < width(few)
    assert "Claims 2, 3, 5 are judged of bases that are" in few[-1]
    assert few[-1].startswith("Each line is by itself; Holm")
    assert few[-1].endswith(
        "(without such bases, BnB+) may add 0.5 points at most, by the "
        "estimate."
    )
    quarter = dataclasses.replace(whole, test_images=2_500)
    # A quarter of the test images: twice the noise of a network.
    assert width(expected_claims(specs(2, 1), quarter)) > width(few)
    # Nothing is said of networks that these claims are not about.
    other = dataclasses.replace(tiny_spec, target_images=5, draw=0)
    assert expected_claims([*specs(2, 1), other], whole) == []
    assert expected_claims(specs(2, 1)[:4], whole) == []
