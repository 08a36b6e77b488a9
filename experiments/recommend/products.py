"""Writes the figure, the page, the code and the trained model."""

import json
import os
from pathlib import Path

from experiments.recommend.deciding import Finalist
from experiments.recommend.outcome import file_outcome
from experiments.recommend.prepare import Prepared
from experiments.recommend.snippet import snippet
from experiments.recommend.workshop import Workshop
from keras_transfer.recommendation.decision import Recommendation
from keras_transfer.reports.html.recommend_page import write_page
from keras_transfer.reports.recommendation import write_figure
from keras_transfer.storage.files import temporary_beside, write_atomically


def write_products(
    prepared: Prepared,
    workshop: Workshop,
    finalists: list[Finalist],
    found: Recommendation,
    outcome: dict,
) -> list[tuple[str, Path]]:
    """Writes everything that a recommendation leaves behind.

    Args:
        prepared: `Prepared`.
        workshop: `Workshop`.
        finalists: List of `Finalist`.
        found: `Recommendation`.
        outcome: Dict of `outcome_of`; the proof's line is added.

    Returns:
        List of pairs of a name and the path of a file.
    """
    folder = prepared.folder
    chosen = next(f for f in finalists if f.choice.name == found.chosen)
    model_path, summary = _save_model(prepared, workshop, chosen)
    outcome["proof"] = summary
    code = snippet(outcome, chosen.choice, chosen.rate)
    code_path = folder / "recommended.py"
    write_atomically(code_path, code)
    outcome["code"] = code
    table = file_outcome(folder, outcome)
    figures = write_figure(outcome, folder / "recommendation")
    page = write_page(outcome, figures[0], folder / "recommendation.html")
    return [
        ("figure", figures[0]),
        ("numbers", table),
        ("model", model_path),
        ("code", code_path),
        ("page", page),
    ]


def _save_model(prepared: Prepared, workshop: Workshop, chosen: Finalist):
    """Saves the choice, trained with seed 0, and proves its copying."""
    import keras

    from keras_transfer.training.candidate_networks import probe_network

    choice = chosen.choice
    if choice.row.trained:
        candidate = workshop.trained(choice, chosen.rate, 0)
        target, proof = candidate.target, candidate.proof
    else:
        probe = workshop.probe(choice.stage, 0)
        target, proof = probe_network(prepared.task, choice, probe)
    path = prepared.folder / "recommended.keras"
    temporary = temporary_beside(path)
    try:
        target.save(temporary, include_optimizer=False)
        summary, rows = "nothing was copied", []
        if proof is not None:
            proof = proof.after(target)
            loaded = keras.saving.load_model(
                temporary, compile=False, safe_mode=True
            )
            proof.verify(loaded)
            summary, rows = proof.summary(), proof.to_rows()
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    content = {"summary": summary, "tensors": rows}
    write_atomically(
        prepared.folder / "proof.json", json.dumps(content, indent=1)
    )
    return path, summary
