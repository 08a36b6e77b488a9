"""Names of arguments, which the library speaks of, as flags of a script."""

import dataclasses
import re

# `name` or `name="value"`, in the quotes that errors give to code.
_ARGUMENT = re.compile(r"`(\w+)(?:=[\"']?([^`\"']+)[\"']?)?`")


def as_flags(text: str, settings) -> str:
    """Puts a script's flags where a text names their arguments.

    Args:
        text: String, such as an error of the library: ``Expected `epochs` of
            at least 1.``
        settings: Settings of the script, a dataclass or its class; names of
            other arguments stay as they are.

    Returns:
        String, with `` `--epochs` `` for `` `epochs` ``, and
        `` `--strategy none` `` for `` `strategy="none"` ``.
    """
    names = {field.name for field in dataclasses.fields(settings)}

    def flag(found: re.Match) -> str:
        name, value = found.groups()
        if name not in names:
            return found.group()
        flag = f"--{name.replace('_', '-')}"
        return f"`{flag} {value}`" if value else f"`{flag}`"

    return _ARGUMENT.sub(flag, text)
