"""The quick tests reach every module, and names in text exist."""

import ast
import functools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("keras_transfer", "experiments")
DOTTED = re.compile(r"\b(?:keras_transfer|experiments)(?:\.[A-Za-z_]\w*)+")
FROM = re.compile(r"from ((?:keras_transfer|experiments)[\w.]*) import (\w+)")


def sources(*folders, ending=".py"):
    for folder in folders:
        yield from sorted((ROOT / folder).rglob(f"*{ending}"))


@functools.cache
def file_of(module):
    """Returns the file of a module of ours, or `None`."""
    if not re.fullmatch(r"[a-z]\w*(\.\w+)*", module):
        return None
    path = ROOT.joinpath(*module.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


def imports(tree):
    """Yields the modules of ours that a tree imports, at whatever depth."""
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names = [node.value]  # loaded lazily, or by the fork server
        yield from (name for name in names if file_of(name))


def is_slow(function):
    return any(
        ast.unparse(each).startswith("pytest.mark.slow")
        for each in getattr(function, "decorator_list", [])
    )


def imported_by_quick_tests(path):
    """Yields the modules whose names a test outside of `slow` can reach."""
    tree = ast.parse(path.read_text())
    quick = [node for node in tree.body if not is_slow(node)]
    if any(getattr(n, "name", "").startswith("test_") for n in quick):
        for node in quick:
            yield from imports(node)


def test_every_module_is_reached_by_a_quick_test():
    todo = []
    for path in sources("tests"):
        todo += imported_by_quick_tests(path)
    reached = set()
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo += imports(ast.parse(file_of(name).read_text()))
    files = {file_of(name) for name in reached}
    missed = [
        path.relative_to(ROOT).as_posix()
        for path in sources("keras_transfer")
        if path not in files and path.name != "__init__.py"
    ]
    assert missed == []


@functools.cache
def names_of(module):
    tree = ast.parse(file_of(module).read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).split(".")[-1])
        elif isinstance(node, ast.Constant):  # of names that load lazily
            found.add(node.value)
    return found


def exists(dotted):
    """Returns whether a name is a module of ours or something in one."""
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        module = ".".join(parts[:end])
        if file_of(module):
            return end == len(parts) or parts[end] in names_of(module)
    return ROOT.joinpath(*parts).is_dir()


def named_in(text):
    """Yields the dotted names and the imports in a text, code or not."""
    yield from DOTTED.findall(text)
    yield from (f"{module}.{name}" for module, name in FROM.findall(text))


@pytest.mark.parametrize("ending", [".py", ".md"])
def test_names_of_modules_in_text_and_in_strings_exist(ending):
    wrong = []
    for path in [*sources(*FOLDERS, "tests", ending=ending)]:
        for name in named_in(path.read_text()):
            if not exists(name.removesuffix(".md")):
                wrong.append(f"{path.relative_to(ROOT)}: {name}")
    assert wrong == []


def test_what_those_rules_see():
    assert exists("keras_transfer.errors.UserError")
    for missing in ("errors.NoSuchError", "no_such_module"):
        assert not exists(f"keras_transfer.{missing}")
    code = "from keras_transfer.errors" + " import NoSuchError"
    assert list(named_in(code))[-1].endswith(".errors.NoSuchError")
