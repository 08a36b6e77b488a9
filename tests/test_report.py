"""The page of a log folder: whole, escaped, self-contained, light."""

import dataclasses
import hashlib
import importlib
import json
import shutil
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from experiments import report
from experiments.common import commands, settings
from keras_transfer.analysis.inventory import Survey, group_rows, take_survey
from keras_transfer.analysis.remembered import Rows, of_rows
from keras_transfer.reports.html import proofs, report_page
from keras_transfer.specs.network import NetworkSpec
from keras_transfer.specs.presets import find_recipe
from keras_transfer.specs.rates import read_rates, with_rates
from keras_transfer.specs.settings import ModelSpec
from keras_transfer.storage import tree
from keras_transfer.storage.log_folder import LogFolder
from keras_transfer.storage.result import seal
from keras_transfer.storage.store import RunStore
from tests.helpers import (
    made_up_row,
    made_up_study,
    with_long_bases,
    with_result,
)

VOID = {"meta", "input", "br", "hr", "link", "img"}
HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(2)>')


class Page(HTMLParser):
    """Checks that tags are balanced and collects what a page shows."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes = [], [], []
        self.ids, self.words = [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("script", "style"):
            self.words.append(data)


def sha(*values):
    return hashlib.sha256(repr(values).encode()).hexdigest()


def full_proof(spec, tensors=37):
    """A proof as a network of eight layers has it, all of it in order."""
    rows = []
    for i in range(tensors):
        layer = f"conv{1 + i // 5}_norm"
        copied = 1 + i // 5 <= spec.n
        frozen = copied and spec.mode == "frozen"
        before = sha("base" if copied else spec.name, i)
        rows.append(
            {
                "layer": layer,
                "target_path": f"cnn8/{layer}/moving_variance",
                "source_path": f"{layer}/moving_variance" if copied else None,
                "shape": [3, 3, 32, 64],
                "frozen": frozen,
                "source_sha256": before if copied else None,
                "before_sha256": before,
                "after_sha256": before if frozen else sha(spec.name, i, "end"),
            }
        )
    return rows


def survey_of(rows, tmp_path):
    folders = {
        row.spec.network_id: Path("similar_datasets", row.spec.name)
        for row in rows
    }
    return Survey(tmp_path, rows, folders, [], [], [], "")


def file_network(log_dir, row, study="similar_datasets"):
    """Files a made-up network as a trained one is."""
    network = RunStore(log_dir, study).network(row.spec)
    network.begin()
    network.model_path.write_bytes(b"weights")
    network.complete(with_result(row, proof=full_proof(row.spec)).result)
    return network


@pytest.fixture
def filed(tiny_spec, tmp_path):
    """A log folder with a small study."""
    rows = made_up_study(tiny_spec, layers=(1, 7), splits=(0,))
    for row in rows:
        file_network(tmp_path / "logs", row)
    return tmp_path / "logs"


def test_page_is_well_formed_and_needs_nothing_from_outside(filed, capsys):
    assert report.main(["--log-dir", str(filed)]) == 0
    out = capsys.readouterr().out
    assert f"report: {filed / 'report.html'}" in out
    assert "18 networks finished in 1 recipes, 0 failed" in out
    text = (filed / "report.html").read_text()
    page = Page(text)
    for word in ("http:", "https:", "url(", "@import", str(filed.parent)):
        assert word not in text
    links = {
        value
        for _, name, value in page.attributes
        if name in ("src", "href", "action", "data", "srcset", "xlink:href")
    }
    assert links and all(link.startswith("#") for link in links)
    assert {link[1:] for link in links} <= set(page.ids)  # none is dead
    assert len(page.ids) == len(set(page.ids))
    assert page.tags.count("script") == 1
    assert not {"link", "img", "iframe", "object"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name[:2] == "on"]


def test_page_shows_what_a_person_can_compute(filed):
    report.main(["--log-dir", str(filed)])
    text = (filed / "report.html").read_text()
    # A7B: base of B 0.70, six points of specificity, 0.7 of its own.
    assert "A7B, split0, seed 0: 63.3 %, -6.7 points from its own base" in text
    assert "base, mean of 2 networks: 65.0 %" in text
    # Specificity loss at n = 7: the figure's interval is the table's.
    assert "specificity loss: BnB - AnB, n = 7: +6.0 [+4.3, +7.7] poi" in text
    assert text.count("+6.0 [+4.3, +7.7]") > text.count("+6.0 [+4.3, +7.7] poi")
    assert "5 of 37 tensors copied, 5 frozen, 5 of those unchanged" in text
    assert "one seed only" in text and "only 1 split:" in text
    whole = sha("base", 0)
    assert f'<td title="{whole}">{whole[:8]}</td>' in text


def test_claims_of_a_recipe_ask_its_bases_of_twice_the_epochs(
    tiny_spec, tmp_path
):
    rows = made_up_study(tiny_spec, layers=(3, 5), splits=(0,))
    longer = with_long_bases(rows, 0.03)
    text = report_page.html_page(survey_of(longer, tmp_path), commands)
    assert text.count("twice the epochs add +3.0") == 3  # claims 2, 3 and 5
    text = report_page.html_page(survey_of(rows, tmp_path), commands)
    assert "twice the epochs add" not in text
    assert text.count("which has had twice the epochs on the target") == 3


def test_texts_of_data_are_escaped(tiny_spec, tmp_path):
    # A data set of such a name is refused; see `test_safety`.
    row = made_up_row(tiny_spec, 0.6, base=None)
    row = with_result(
        row,
        classes=list(HOSTILE),
        data_version=HOSTILE[0],
        environment={HOSTILE[0]: HOSTILE[1], "threads": HOSTILE[0]},
    )
    file_network(tmp_path, row)
    store = RunStore(tmp_path, "similar_datasets")
    failed = dataclasses.replace(tiny_spec, base="A", n=3)
    store.network(failed).begin()
    store.network(failed).fail(" ".join(HOSTILE), {}, "trace")
    report.main(["--log-dir", str(tmp_path)])
    text = (tmp_path / "report.html").read_text()
    page = Page(text)
    assert "<script>alert" not in text and "<img" not in text
    assert page.tags.count("script") == 1 and "img" not in page.tags
    for words in HOSTILE:
        assert any(words in shown for shown in page.words)


def test_warnings_name_what_is_failed_damaged_or_foreign(filed, tiny_spec):
    store = RunStore(filed, "similar_datasets")
    failed = dataclasses.replace(tiny_spec, base="A", n=5)
    store.network(failed).begin()
    store.network(failed).fail("the loss is nan in epoch 2", {}, "trace")
    store.network(dataclasses.replace(failed, n=6)).begin()
    cut = store.network(dataclasses.replace(tiny_spec, base="A", n=7)).folder
    (cut / "result.json").write_text("{")
    foreign = filed / "similar_datasets" / "x" / "split0" / "A3B" / "seed0-old"
    foreign.mkdir(parents=True)
    (foreign / "settings.json").write_text('{"data": {}}')
    path, survey = report.write(filed)
    assert len(survey.rows) == 17
    text = "".join(Page(path.read_text()).words)
    assert "tiny_colours/split0/A5A/seed0 failed" in text
    assert "the loss is nan in epoch 2" in text
    assert "2 networks not finished" in text and "A6A/seed0" in text
    assert "result.json was cut short or edited" in text
    assert "1 folder left out" in text
    assert "at BnB, n = 7, so these means mix" in text
    # Once more, after its study was started: it is still told.
    store.set_aside_damaged(dataclasses.replace(tiny_spec, base="A", n=7))
    again = take_survey(LogFolder(filed))
    assert "is a damaged result that was set aside" in again.notices[0]


@pytest.mark.parametrize(
    "value",
    [
        "absent",
        *(
            pytest.param(value, marks=pytest.mark.slow)
            for value in ({"a": 3}, None, 3, "text", [3])
        ),
    ],
)
def test_results_that_lack_what_reports_read_end_in_no_traceback(
    filed, tiny_spec, value
):
    """A stranger's results: sound checksums, anything in them."""
    spec = dataclasses.replace(tiny_spec, base="A", n=7)
    network = RunStore(filed, "similar_datasets").network(spec)
    sound = network.read_result().to_json()
    sound["layers"] = [
        {"layer": f"layer{i}", "copied": True, "weight_norm": 1.0}
        for i in range(8)
    ]
    spoilt = [sound, sound["proof"][0], sound["layers"][0]]
    for part in spoilt:
        for key in [key for key in part if key != "network_id"]:
            kept = part[key]
            part[key] = value
            if value == "absent":
                del part[key]
            network.result_path.write_text(seal(sound))
            path, survey = report.write(filed)
            # Not reported, or the rest is enough; always a page.
            assert len(survey.rows) in (17, 18) and path.is_file()
            part[key] = kept


def test_broken_proof_and_networks_that_did_not_learn_are_told(
    tiny_spec, tmp_path
):
    rows = made_up_study(tiny_spec, splits=(0,))
    row = next(row for row in rows if row.spec.label == "A5B")
    row.result.proof[0]["after_sha256"] = "other"
    rows[0] = with_result(rows[0], train_accuracy=0.26)
    text = report_page.html_page(survey_of(rows, tmp_path), commands)
    assert "THE PROOF DOES NOT HOLD" in text
    assert "1 networks did not learn at all" in text


def test_of_thousands_of_networks_not_all_tables_are_on_the_page(
    tiny_spec, tmp_path, monkeypatch
):
    rows = made_up_study(tiny_spec, layers=(1, 7), splits=(0,))
    rows = [with_result(row, proof=full_proof(row.spec)) for row in rows]
    whole = report_page.html_page(survey_of(rows, tmp_path), commands)
    assert "are left out here" not in whole
    monkeypatch.setattr(proofs, "MOST_TABLES", 5)
    rows[-1].result.proof[0]["after_sha256"] = "other"
    if not rows[-1].result.proof[0]["frozen"]:
        rows[-1].result.proof[0]["frozen"] = True
    text = report_page.html_page(survey_of(rows, tmp_path), commands)
    page = Page(text)
    tables = [x for x in page.attributes if x == ("table", "class", "proof")]
    assert len(tables) == 6  # the one that does not hold is the sixth
    assert f"Tensors and layers of {len(rows) - 6} networks" in text
    # Each is still there, to be linked to, with its command.
    assert {f"net-{row.spec.network_id}" for row in rows} <= set(page.ids)
    assert text.count('<code class="command">') == len(rows)
    assert "THE PROOF DOES NOT HOLD" in text


def test_recipes_are_not_mixed_and_a_shared_network_counts_once(
    filed, tiny_spec
):
    other = dataclasses.replace(tiny_spec, model=ModelSpec("cnn8", width=8))
    file_network(filed, made_up_row(other, 0.5, base=None), "another_study")
    shared = RunStore(filed, "similar_datasets").network(tiny_spec).folder
    place = filed / "z" / shared.relative_to(filed / "similar_datasets")
    shutil.copytree(shared, place)
    survey = take_survey(LogFolder(filed))
    assert [len(group.rows) for group in group_rows(survey.rows)] == [18, 1]
    studies = {folder.parts[0] for folder in survey.folders.values()}
    assert studies >= {"similar_datasets", "another_study"}


def test_the_page_shows_the_command_that_is_stored(tmp_path, tiny_spec):
    row = made_up_row(tiny_spec, 0.6, base=None)
    network = file_network(tmp_path, row)
    assert "is not stored" in report.write(tmp_path)[0].read_text()
    words = ["python", "-m", "experiments.paper", "--log-dir", "/home/me/logs"]
    words += ["--data-dir=/home/me/tfds", "--classes", "/home/me/kinds.txt"]
    stored = {"study": "paper", "argv": [*words, "--seeds", "0; rm -rf x"]}
    (network.folder / "command.json").write_text(json.dumps(stored))
    text = unescape(report.write(tmp_path)[0].read_text())
    assert "/home/me" not in text and "is not stored" not in text
    assert (
        "python -m experiments.paper --data-dir=DIR/tfds --classes "
        "DIR/kinds.txt --seeds '0; rm -rf x' --log-dir again" in text
    )
    # A stranger's folder does not say what a person is to run.
    for argv in (["rm", "-rf", "x"], ["python", "-m", "os", "x"]):
        (network.folder / "command.json").write_text(
            json.dumps({"study": "paper", "argv": argv})
        )
        text = report.write(tmp_path)[0].read_text()
        assert "is not stored" in text and "rm -rf" not in text


def test_empty_folder_says_what_to_run(tmp_path, capsys):
    for folder in (tmp_path, tmp_path / "absent"):
        assert report.main(["--log-dir", str(folder)]) == 2
        error = capsys.readouterr().err
        assert "python -m experiments.similar_datasets --log-dir" in error
        assert not (folder / "report.html").exists()


def test_bases_alone_and_failures_alone_make_a_page(tiny_spec, tmp_path):
    rows = [made_up_row(tiny_spec, 0.6, base=None)]
    text = report_page.html_page(survey_of(rows, tmp_path), commands)
    Page(text)
    assert "<h3>The five" not in text
    # Halves of a split are averaged, so both are needed.
    rows.append(made_up_row(tiny_spec, 0.6, target="B", base=None))
    rows.append(made_up_row(tiny_spec, 0.5, target="all", base=None))
    text = report_page.html_page(survey_of(rows, tmp_path), commands)
    assert "halves - all classes: +10.0" in text
    network = RunStore(tmp_path, "similar_datasets").network(tiny_spec)
    network.fail("killed before it wrote its settings", {}, "")
    path, survey = report.write(tmp_path)
    assert not survey.rows and survey.unfinished[0].spec is None
    assert "killed before it wrote" in path.read_text()
    Page(path.read_text())


@pytest.mark.slow
def test_five_hundred_networks_stay_light(tiny_spec, tmp_path):
    rows = []
    for seed in range(3):
        spec = dataclasses.replace(tiny_spec, seed=seed)
        rows += made_up_study(spec, range(1, 8), range(3))
    classes = [f"class number {i}" for i in range(50)]
    rows = [
        with_result(row, proof=full_proof(row.spec), classes=classes)
        for row in rows
    ]
    assert len(rows) == 522
    text = report_page.html_page(survey_of(rows, tmp_path), commands)
    assert len(text.encode()) < 6e6
    Page(text)


def test_page_is_written_without_tensorflow_or_matplotlib(filed):
    code = (
        "import sys; from experiments import report; "
        f"assert report.main(['--log-dir', {str(filed)!r}]) == 0; "
        "assert not {'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)"
    )
    root = Path(report.__file__).resolve().parents[1]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


def specs_of_command(words):
    """Returns the networks that a command line would train."""
    script = importlib.import_module(words[2])
    kinds = [
        value
        for value in vars(script).values()
        if isinstance(value, type) and issubclass(value, settings.Settings)
    ]
    kind = max(kinds, key=lambda one: len(one.__mro__))  # the script's own
    options = settings.parse("x", "", list(words)[3:], kind)
    specs = script.study(options).specs
    if options.learning_rates is not None:
        specs = with_rates(specs, read_rates(options.learning_rates))
    return specs


@pytest.mark.parametrize(
    "line",
    [
        "similar_datasets",
        "similar_datasets --dataset cifar100 --epochs 3 --learning-rate 0.03",
        "similar_datasets --dataset cifar100 --normalization lrn --width 24",
        "similar_datasets --dataset cifar100 --dropout 0.5 --weight-decay 0",
        "similar_datasets --dataset cifar100 --schedule cosine --regime 2014",
        "similar_datasets --dataset cifar100 --preset smoke --batch-size 8",
        "similar_datasets --dataset imagenet2012 --preset paper --mean target",
        "similar_datasets --dataset imagenet2012 --image-size 96 --epochs 30",
        "similar_datasets --dataset imagenet2012 --preset paper --channels bgr",
        "similar_datasets --model caffenet --image-size 96 --views 4",
        "similar_datasets --precision bfloat16 --images-per-class 20",
        "similar_datasets --splits 3 --seeds 5 --layers 2 4",
        "similar_datasets --dataset cifar100 --gpus-per-network 4",
        "similar_datasets --dataset cifar100 --classes-per-half 30",
        "dissimilar_datasets --dataset cifar100 --seeds 1",
        "dissimilar_datasets --dataset cifar100 --balanced",
        "random_weights --layers 2 --splits 1",
        "all_classes --seeds 2",
        "all_classes --same-steps",
        "preserved_layers --layers 2 4",
        "boost --layers 3 --splits 1",
        "target_size --dataset cifar100 --images 5 --draws 1 --layers 3",
        "reduced_data --dataset cifar100 --images 10",
    ],
)
def test_command_of_a_network_trains_that_network(line):
    specs = specs_of_command(f"python -m experiments.{line}".split())
    for spec in specs[:: max(1, len(specs) // 10)]:
        command = commands.network_command(spec)
        assert command.unset == () and command.rates == ""
        found = specs_of_command(command.words)
        assert spec.network_id in {one.network_id for one in found}
        assert len(found) <= 12


def test_command_of_a_tuned_network_comes_with_its_file(tmp_path, monkeypatch):
    specs = specs_of_command(
        "python -m experiments.similar_datasets --layers 5 --seeds 0".split()
    )
    rates = {"base": {"learning_rate": 0.2}, "AnB+ 5": {"copied_rate": 0.1}}
    rates["AnB+ 5"]["learning_rate"] = 0.02
    (spec,) = [
        spec for spec in with_rates(specs, rates) if spec.label == "A5B+"
    ]
    command = commands.network_command(spec)
    assert command.unset == ()
    monkeypatch.chdir(tmp_path)
    Path("rates.json").write_text(command.rates)
    found = specs_of_command(command.words)
    assert spec.network_id in {one.network_id for one in found}


def test_what_no_flag_gives_is_told():
    recipe = find_recipe("cifar100", "default", None)
    data = dataclasses.replace(recipe.data("cifar100", 0), views=None)
    solver = dataclasses.replace(recipe.solver, momentum=0.8)
    command = commands.network_command(
        NetworkSpec(data, recipe.model, solver, "A")
    )
    assert command.unset == (
        "solver.momentum = 0.8 (preset: 0.9)",
        "data.views = None (preset: 6)",
    )


def test_networks_of_every_study_make_a_page(tiny_spec, tmp_path):
    halves = ((0, 1), (2, 3))
    data = dataclasses.replace(tiny_spec.data, halves=halves)
    slow = dataclasses.replace(tiny_spec.solver, learning_rate=0.01)
    rows = made_up_study(tiny_spec, splits=(0,))
    rows += made_up_study(dataclasses.replace(tiny_spec, data=data), (1, 7))[:9]
    base = {"target": "A", "base": None}
    for accuracy, changes in (
        (0.55, {"target": "all", "base": None}),
        (0.30, {"base": "random", "n": 3, "initialization": "he"}),
        (0.61, {"base": "A", "n": 3, "preserved": 1}),
        (0.40, {**base, "target_images": 5, "draw": 0}),
        (0.42, {**base, "target_images": 5, "draw": 1}),
        (0.45, {"base": "B", "n": 3, "target_images": 5, "draw": 1}),
        (0.63, {"base": "B", "n": 5, "base_solver": tiny_spec.solver}),
    ):
        if "base_solver" in changes:
            changes["solver"] = slow
        rows.append(made_up_row(tiny_spec, accuracy, **changes))
    groups = group_rows(rows)
    # Random halves and all classes; kinds; five target images; tuned.
    assert sorted(len(group.rows) for group in groups) == [1, 3, 9, 29]
    tuned = next(group for group in groups if group.tuned)
    assert [row.accuracy for row in tuned.shared][:2] == [0.60, 0.70]
    text = report_page.html_page(survey_of(rows, tmp_path), commands)
    Page(text)
    assert "random3A-he, split0, seed 0: 30.0 %, -30.0 points" in text
    assert "A3A-keep1, split0, seed 0: 61.0 %" in text
    assert "B3A, split0, seed 0, 5 images a class, draw 1: 45.0 %, +3.0" in text
    assert "B5A, split0, seed 0: 63.0 %, +3.0 points" in text
    assert "classes by kind, side A and side B" in text
    assert "with learning rates of each treatment" in text


def test_result_files_are_all_it_needs(filed):
    """Neither events nor epochs are read; a copied folder gives the page."""
    for path in filed.glob("*/*/split*/*/*/epochs.jsonl"):
        path.unlink()
    path, _ = report.write(filed)
    first = path.read_bytes()
    status = next(filed.glob("*/*/split*/*/*/status.json"))
    assert json.loads(status.read_text())["status"] == "COMPLETED"
    assert report.write(filed)[0].read_bytes() == first  # no clock inside


def test_estimates_of_a_page_take_one_thread(filed, monkeypatch):
    from threadpoolctl import threadpool_info

    seen = []

    def look(*_):
        # Whatever else an earlier test has loaded has threads of its own.
        libraries = threadpool_info()
        blas = (one for one in libraries if one["user_api"] == "blas")
        seen.extend(library["num_threads"] for library in blas)

    monkeypatch.setattr(report, "write_html", look)
    report.write(filed)
    assert seen and set(seen) == {1}


def test_what_is_found_of_rows_is_found_once_for_each_question():
    asked = []

    @of_rows
    def find(rows, *more):
        asked.append(more)
        return sum(rows)

    rows = Rows([1, 2])
    assert [find(rows), find(rows, "a"), find(rows, "a"), find(rows)] == [3] * 4
    assert asked == [(), ("a",)]
    assert find([1, 2], "a") == 3 and len(asked) == 3  # a list may change


def test_events_are_not_searched_for_networks(tmp_path):
    network = tmp_path / "a study/a set/split0/baseA/seed0-1234567890"
    network.mkdir(parents=True)
    (tmp_path / "tb/baseA s0 r0/hparams/a set/seed0-1234567890").mkdir(
        parents=True
    )
    assert tree.find_networks(tmp_path) == [network]
