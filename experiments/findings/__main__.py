"""Writes the tables of findings and the summaries from committed results.

Claim: every number that the README, `logs/README.md` and the published
summaries give follows from the committed tables, by the functions that a
study uses; `tests/test_findings.py` fails if a digit does not.

    python -m experiments.findings

Cost: half a minute on one core; trains nothing. Expected: the files it names
stay as they are, unless a table or a function changed.
"""

import sys

import tyro

from experiments.findings import spreads
from experiments.findings.main_job import with_paragraph
from experiments.findings.pages import summaries
from experiments.findings.tables import (
    ROOT,
    findings_table,
    folders_table,
    with_table,
)
from keras_transfer.analysis import components
from keras_transfer.storage.files import write_atomically


def main(args: list[str] | None = None) -> int:
    """Writes what changed and names it.

    Args:
        args: List of strings, the command line, or `None` for the process's.

    Returns:
        Integer, the exit status.
    """
    tyro.cli(lambda: None, args=args, description=__doc__)
    pages = {
        ROOT / "README.md": findings_table(),
        ROOT / "logs" / "README.md": folders_table(),
    }
    texts = {
        path: with_table(path.read_text(), table)
        for path, table in pages.items()
    }
    readme = ROOT / "README.md"
    texts[readme] = with_paragraph(texts[readme])
    texts[components.FILE] = spreads.table()
    for path, text in (texts | summaries()).items():
        changed = text != path.read_text()
        if changed:
            write_atomically(path, text)
        name = path.relative_to(ROOT)
        print(f"{name}: {'written' if changed else 'as it was'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
