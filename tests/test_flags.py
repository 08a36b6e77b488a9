"""The library names arguments; a script's user reads flags."""

import dataclasses

import pytest

from experiments import similar_datasets
from experiments.common.flags import as_flags
from experiments.common.study_settings import GridSettings
from keras_transfer.errors import UserError
from keras_transfer.training import devices


@dataclasses.dataclass(frozen=True)
class Options:
    learning_rate: float = 0.1
    strategy: str = "auto"


@pytest.mark.parametrize(
    "text, expected",
    [
        (
            "A lower `learning_rate` often helps.",
            "A lower `--learning-rate` often helps.",
        ),
        (
            'Several GPUs need `strategy="mirrored"`.',
            "Several GPUs need `--strategy mirrored`.",
        ),
        ("Give `strategy=NAME`.", "Give `--strategy NAME`."),
        # Of no field: another function's argument, a variable, a package.
        ("Set `TF_CONFIG`, or `mode`.", "Set `TF_CONFIG`, or `mode`."),
        # Only in the quotes of code: a class may be named so.
        ("class learning_rate is empty", "class learning_rate is empty"),
    ],
)
def test_arguments_that_are_flags_are_named_as_such(text, expected):
    assert as_flags(text, Options) == expected
    assert as_flags(text, Options()) == expected


def test_one_mistake_in_the_library_and_in_a_script(capsys, tmp_path):
    with pytest.raises(UserError, match="Expected `gpus_per_network` of at"):
        devices.choose_replicas("auto", 0)
    arguments = ["--gpus-per-network", "0", "--log-dir", str(tmp_path)]
    assert similar_datasets.main(arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: Expected `--gpus-per-network` of at least 1")


def test_a_failed_networks_advice_names_the_flag():
    text = "The loss became nan. A lower `learning_rate` often helps."
    assert "`--learning-rate`" in as_flags(text, GridSettings)
