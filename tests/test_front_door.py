"""`import keras_transfer as kt`: light, complete, and its examples run."""

import doctest
import inspect
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_transfer as kt


def test_importing_it_imports_no_tensorflow():
    lines = (
        "import keras_transfer as kt, sys",
        "assert set(kt.__all__) <= set(dir(kt))",
        "kt.UserError, kt.ModelSpec('cnn8')",
        "assert not {'tensorflow', 'keras'} & set(sys.modules)",
    )
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'stage_list'"):
        _ = kt.stage_list


@pytest.mark.parametrize("name", kt.__all__)
def test_every_name_is_documented(name):
    found = getattr(kt, name)
    text = inspect.getdoc(found)
    assert "Example:\n" in text
    assert found.__name__ == name
    if inspect.isfunction(found):
        assert "Args:\n" in text and "Returns:\n" in text


@pytest.mark.parametrize("name", kt.__all__)
def test_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"keras": keras, "kt": kt, "np": np}
    found = doctest.DocTestFinder(recurse=False).find(
        getattr(kt, name), name, globs=names
    )
    assert [len(test.examples) > 0 for test in found] == [True]
    printed = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(found[0], out=printed.append)
    assert "".join(printed) == ""
