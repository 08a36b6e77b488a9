"""Colours and dashes of treatments on a page, from the table of treatments."""

from keras_transfer.specs.treatments import DRAWN

_DASHES = {"-": "none", "--": "5 3", "-.": "7 3 1.5 3", ":": "1.5 3"}


def treatment_css() -> str:
    """Returns rules that draw each treatment on white, dark and in print."""
    looks = {row.css: row.look for row in DRAWN.values()}
    light = _colours({name: look.colour for name, look in looks.items()})
    dark = _colours({name: look.dark for name, look in looks.items()})
    rules = [
        light,
        f"@media (prefers-color-scheme: dark) {{ {dark} }}",
        f"@media print {{ {light} }}",
    ]
    for name, look in looks.items():
        rules += [
            f".t-{name} {{ --c: var(--{name}); }}",
            f".t-{name} .line {{ stroke-dasharray: {_DASHES[look.line]}; }}",
        ]
    return "\n".join(rules) + "\n"


def _colours(colours: dict[str, str]) -> str:
    values = " ".join(f"--{name}: {value};" for name, value in colours.items())
    return f":root {{ {values} }}"
