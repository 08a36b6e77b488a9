"""Public functions that take arguments say what they are."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Called by Keras, which documents them.
HOOKS = {
    "build",
    "call",
    "compute_output_shape",
    "convolution_op",
    "on_epoch_begin",
    "on_epoch_end",
    "on_train_begin",
    "on_train_batch_end",
    "on_train_end",
    "update_step",
}


def arguments_of(function, method):
    given = function.args
    names = [*given.posonlyargs, *given.args][1 if method else 0 :]
    stars = [each for each in (given.vararg, given.kwarg) if each]
    return [each.arg for each in [*names, *given.kwonlyargs, *stars]]


def is_static(function):
    names = {getattr(each, "id", "") for each in function.decorator_list}
    return "staticmethod" in names


def is_text(node):
    value = getattr(node, "value", None)
    return isinstance(node, ast.Expr) and isinstance(
        getattr(value, "value", None), str
    )


def explains_fields(owner):
    """Returns whether each field of a dataclass has a text of its own.

    It is tyro's form, shown by `--help`: a docstring right below the field,
    or `help=` in its annotation, where the text is computed.
    """
    following = [*owner.body[1:], None]
    return all(
        is_text(after) or "help" in keywords_of(field.annotation)
        for field, after in zip(owner.body, following, strict=True)
        if isinstance(field, ast.AnnAssign)
    )


def keywords_of(annotation):
    return {n.arg for n in ast.walk(annotation) if isinstance(n, ast.keyword)}


def without_args(tree):
    """Yields the public names of a module that take unexplained arguments.

    The arguments of a constructor stand in the docstring of its class. `See
    Other.` refers to the method that this one implements.
    """
    classes = {n.name: n for n in tree.body if isinstance(n, ast.ClassDef)}
    for owner in [tree, *classes.values()]:
        method = owner is not tree
        if method and owner.name.startswith("_"):
            continue
        for function in owner.body:
            if not isinstance(function, ast.FunctionDef):
                continue
            name, explained = function.name, function
            if method and name == "__init__":
                explained = owner
            elif name.startswith("_") or method and name in HOOKS:
                continue
            text = ast.get_docstring(explained) or ""
            taken = arguments_of(function, method and not is_static(function))
            if taken and "Args:\n" not in text and not text.startswith("See "):
                yield f"{owner.name}.{name}" if method else name
    for owner in classes.values():
        fields = [n for n in owner.body if isinstance(n, ast.AnnAssign)]
        plain = {getattr(each, "attr", "") for each in owner.decorator_list}
        called = {
            getattr(getattr(each, "func", None), "attr", "")
            for each in owner.decorator_list
        }
        text = ast.get_docstring(owner) or ""
        explained = "Args:\n" in text or explains_fields(owner)
        public = not owner.name.startswith("_") and fields
        if public and "dataclass" in plain | called and not explained:
            yield owner.name


def everything_missing():
    found = set()
    for folder in ("keras_transfer", "experiments"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text())
            place = path.relative_to(ROOT).as_posix()
            found |= {f"{place}::{name}" for name in without_args(tree)}
    return found


def test_every_argument_is_explained():
    found = sorted(everything_missing())
    assert not found, "add `Args:` to\n" + "\n".join(found)


def test_what_the_rule_sees():
    source = '''
import dataclasses
def explained(a):
    """Does.

    Args:
        a: Integer.
    """
def bare(a): pass
def none(): pass
def _private(a): pass
class Plain:
    """Has none."""
    def __init__(self, a): pass
    def none(self): pass
    def method(self, a): """Does."""
    def other(self, a): """See `Base`."""
    def call(self, inputs): pass
    @staticmethod
    def single(a): pass
@dataclasses.dataclass(frozen=True)
class Fields:
    a: int
@dataclasses.dataclass(frozen=True)
class Settings:
    """Of tyro."""
    a: int = 0
    """Number."""
    b: Annotated[int, arg(help="Number.")] = 0
@dataclasses.dataclass(frozen=True)
class Half:
    """Of tyro, but for one."""
    a: int
    b: int = 0
    """Number."""
'''
    assert list(without_args(ast.parse(source))) == [
        *("bare", "Plain.__init__", "Plain.method", "Plain.single"),
        *("Fields", "Half"),
    ]


def scripts():
    for path in sorted((ROOT / "experiments").rglob("*.py")):
        text = path.read_text()
        own = path.parent.name == "experiments" or path.stem == "__main__"
        if own and 'if __name__ == "__main__":' in text:
            yield path, ast.get_docstring(ast.parse(text))


def test_each_script_opens_with_claim_command_cost_and_expected_result():
    found = dict(scripts())
    assert len(found) > 15
    for path, text in found.items():
        for part in ("Claim", "python -m experiments.", "Cost: ", "Expected"):
            assert part in text, f"{path}: {part}"
