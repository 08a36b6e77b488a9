"""ImageNet, from the tars to a tested network, at toy length.

`../shared` holds 1,240 training images, one of each class and 25 of ten, and
510 validation images of 20 classes.
"""

import numpy as np
import pytest

from experiments import similar_datasets
from keras_transfer.datasets import halves, pools, tfds_sets
from keras_transfer.datasets.class_kinds import known_kinds
from keras_transfer.errors import UserError
from keras_transfer.specs.presets import find_recipe
from keras_transfer.storage.store import RunStore

# Small enough for a test; the paper's network takes crops of 67 px and more.
SIZE = 80


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A log folder and a data folder with the tars where TFDS wants them."""
    from tests.conftest import SHARED

    tars = SHARED / "data" / "imagenet_manual"
    if not tars.is_dir():
        pytest.skip("needs data/imagenet_manual in KERAS_TRANSFER_SHARED")
    folder = tmp_path_factory.mktemp("imagenet")
    (folder / "data" / "downloads").mkdir(parents=True)
    (folder / "data" / "downloads" / "manual").symlink_to(tars)
    return folder


def flags(folder):
    return [
        *("--dataset", "imagenet2012", "--preset", "paper"),
        *("--data-dir", str(folder / "data")),
        *("--log-dir", str(folder / "logs"), "--image-size", str(SIZE)),
        *("--epochs", "1", "--steps-per-epoch", "2", "--batch-size", "8"),
        *("--splits", "0", "--treatments"),
    ]


@pytest.fixture(scope="module")
def trained(folder):
    """Both bases of split 0, trained for two steps."""
    assert similar_datasets.main(flags(folder)) == 0
    return RunStore(folder / "logs", "similar_datasets")


@pytest.mark.slow(35)
def test_tars_become_square_images_with_their_labels(trained):
    pool = pools.find_pool(trained.cache_dir, "imagenet2012", SIZE)
    assert pool.counts == {"train": 1240, "test": 510}
    assert pool.images("train").shape == (1240, SIZE, SIZE, 3)
    assert pool.class_names[0] == "n01440764"  # tench: sorted WordNet ids
    counts = np.bincount(pool.labels("train"), minlength=1000)
    assert np.bincount(counts)[[1, 25]].tolist() == [990, 10]
    # Photographs: every channel about the mean that the authors had.
    mean = pool.mean_image(np.arange(1240)).mean((0, 1))
    assert ((mean > 85) & (mean < 140)).all()


@pytest.mark.slow
def test_network_is_the_papers_and_its_images_are_counted(trained):
    results = trained.finished()
    assert [r.label for r in results] == ["baseA", "baseB"]
    for result in results:
        spec = result.settings
        assert spec["model"]["name"] == "caffenet"
        assert (spec["data"]["image_size"], spec["data"]["crop"]) == (80, 71)
        assert result.steps == 2
        assert len(result.classes) == 500
        shapes = {t["target_path"]: t["shape"] for t in result.proof}
        assert shapes["caffenet/conv1/kernel"] == [11, 11, 3, 96]
        assert shapes["caffenet/fc8/kernel"] == [
            4096,
            1000,
        ]  # as in all their networks
    images = [result.images for result in results]
    # 4 % of 25 images is one; a class with one image keeps it.
    assert sum(count["validation"] for count in images) == 10
    assert sum(count["train"] for count in images) == 1230
    assert sum(count["test"] for count in images) == 510


@pytest.mark.slow
def test_classes_without_images_are_said(folder, trained, capsys):
    absent = [r.classes_without_images for r in trained.finished()]
    assert sum(len(half["validation"]) for half in absent) == 990
    assert sum(len(half["test"]) for half in absent) == 980
    # The same command trains nothing more and says it again.
    assert similar_datasets.main(flags(folder)) == 0
    said = " ".join(capsys.readouterr().out.split())
    count = len(absent[0]["test"])
    text = f"split0, classes of A: {count} of 500 have no test image"
    assert f"warning: {text}" in said
    (summary,) = (folder / "logs").glob("similar_datasets/*/*/summary.md")
    assert f"**Warning:** {text}" in summary.read_text()


@pytest.mark.slow
def test_prepared_folder_serves_without_tars(folder, trained, tmp_path):
    (tmp_path / "imagenet2012").symlink_to(folder / "data" / "imagenet2012")
    pool = pools.prepare_pool(
        tmp_path / "cache", "imagenet2012", 32, str(tmp_path)
    )
    assert pool.counts == {"train": 1240, "test": 510}


@pytest.mark.slow
def test_kinds_are_divided_by_class_index(trained):
    # 449 natural and 551 man-made classes: 0-397, 936-958, 970, 972-998.
    pool = pools.find_pool(trained.cache_dir, "imagenet2012", SIZE)
    recipe = find_recipe("imagenet2012", "paper", SIZE)
    spec = recipe.data("imagenet2012", 0, halves=known_kinds("imagenet2012"))
    man_made, natural = (halves.load_half(pool, spec, half) for half in "AB")
    assert [man_made.num_classes, natural.num_classes] == [551, 449]
    assert natural.class_names[397:399] == ["n02655020", "n07714571"]
    assert len(man_made.train) + len(natural.train) == 1230


@pytest.mark.parametrize("found", [(), ("ILSVRC2012_img_train.tar",)])
def test_missing_tars_are_named_with_where_to_put_them(found, tmp_path, capsys):
    manual = tmp_path / "data" / "downloads" / "manual"
    manual.mkdir(parents=True)
    for name in found:
        (manual / name).touch()
    assert similar_datasets.main(flags(tmp_path)) == 2
    message = capsys.readouterr().err
    assert "ILSVRC2012_img_val.tar" in message
    assert ("ILSVRC2012_img_train.tar" in message) == (not found)
    assert "https://image-net.org/download-images" in message
    assert str(manual) in message
    assert "Traceback" not in message


def test_a_folder_prepared_without_validation_images_is_refused():
    class Info:
        splits = {"train": None}

    class Builder:
        name = "imagenet2012"
        data_dir = "here"
        info = Info

    with pytest.raises(UserError, match="without its validation images"):
        tfds_sets.part_names(Builder, lambda part: True)


def test_plan_of_the_whole_paper_has_hours_and_disk(tmp_path, capsys):
    from experiments import paper

    arguments = ["--dataset", "imagenet2012", "--preset", "paper", "--plan"]
    arguments += ["--guess", "--log-dir", str(tmp_path)]
    assert paper.main(arguments) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "170 of 170 networks to train" in said
    # 1.33 million images of 196,608 bytes, and 170 networks of 244 MB.
    assert "disk 303 GB" in said and "155 GB more" in said
    assert "floating-point operations" in said and " h at 10 TFLOP/s" in said
    assert not list(tmp_path.iterdir())
