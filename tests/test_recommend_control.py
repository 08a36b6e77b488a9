"""A source with random weights: `recommend` must not say that copying helps."""

import json

import pytest
from PIL import Image
from scipy import stats

from experiments.recommend.__main__ import main
from keras_transfer.datasets.synthetic_shapes import MAN_MADE, draw


@pytest.mark.slow(100)
def test_random_weights_of_a_network_are_not_said_to_help(tmp_path, capsys):
    images = tmp_path / "images"
    for name in list(MAN_MADE)[:3]:
        (images / name).mkdir(parents=True)
        for index, picture in enumerate(draw(name, 60, seed=0)):
            Image.fromarray(picture).save(images / name / f"{index}.png")
    logs = tmp_path / "logs"
    arguments = ["--model", "applications:MobileNet@random", "--images", images]
    arguments += ["--image-size", 32, "--most-stages", 3, "--rates", 0.003]
    arguments += ["--epochs", 6, "--seeds", 2, "--budget", "1h"]
    assert main([*map(str, arguments), "--log-dir", str(logs)]) == 0
    *_, why, last = capsys.readouterr().out.strip().splitlines()
    # Everything was tried, and the control is the same network.
    found = json.loads(next(logs.rglob("recommendation.json")).read_text())
    assert found["left_out"] == [] or len(found["candidates"]) >= 5
    assert {row["name"] for row in found["race"]} == {
        *("kept@1", "redrawn@0", "redrawn@1"),
        *("finetuned", "lp_ft", "decayed"),
    }
    copying = found["test"]["copying"]
    assert "opying is worth" not in why + last and "seems" not in why + last
    # The weights are a draw, and say so, whatever few images leave open.
    assert found["weights"]["untrained"] and found["probes"]["draws"] == 5
    assert all(row["low"] <= 0 for row in found["probes"]["stages"])
    assert last.startswith("Copying does not help: the model's weights show ")
    assert "copying them is drawing. " in last
    assert why.startswith(("Linear probes of its stages", "No linear probe"))
    if copying is None:
        return
    assert "If you use it all the same: " in last
    assert "networks with weights drawn anew, trained alike, reach" in why
    assert copying["draws"] >= 3 and copying["freedom"] > 2
    # Its error is of use, however few draws there was time for.
    reach = (copying["high"] - copying["low"]) / 2
    assert reach / stats.t.ppf(0.975, copying["freedom"]) < 0.15
    assert copying["low"] <= 0 < copying["high"] + 0.1
