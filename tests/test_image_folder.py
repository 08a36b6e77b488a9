"""Folders of images with every wart that people's folders have."""

import os
import unicodedata

import numpy as np
import pytest
from PIL import Image

from experiments import similar_datasets
from experiments.common.study_settings import SimilarSettings
from keras_transfer.datasets import halves, pools
from keras_transfer.datasets.image_files import fit_image, read_image
from keras_transfer.datasets.image_folder import ImageFolder, cut_by_content
from keras_transfer.datasets.image_listing import list_images
from keras_transfer.errors import UserError
from keras_transfer.specs.settings import DataSpec
from keras_transfer.storage.store import RunStore
from keras_transfer.studies import dataset_facts
from keras_transfer.studies.images import prepare_data
from keras_transfer.studies.reporter import Reporter


def save(path, value=0, mode="RGB", size=(8, 6), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path, **options)
    return path


@pytest.fixture
def folder(tmp_path):
    """Four classes of ten plain pictures, no two alike."""
    root = tmp_path / "pictures"
    for c in range(4):
        for i in range(10):
            save(root / f"class {c}" / f"{i}.png", (60 * c, i, 0))
    return root


def pixel(path):
    return read_image(path).getpixel((0, 0))


def test_files_of_every_kind_are_seen_as_people_see_them(tmp_path):
    red = (255, 0, 0)
    for ending in ("png", "bmp", "gif", "PNG"):
        assert pixel(save(tmp_path / f"a.{ending}", red)) == red
    assert pixel(save(tmp_path / "a.webp", red, lossless=True)) == red
    assert pixel(save(tmp_path / "grey.png", 7, "L")) == (7, 7, 7)
    assert pixel(save(tmp_path / "one_bit.png", 1, "1")) == (255, 255, 255)
    # 0x1234 of 16 bits: its upper eight.
    deep = Image.fromarray(np.full((6, 8), 0x1234, np.uint16))
    deep.save(tmp_path / "deep.png")
    assert pixel(tmp_path / "deep.png") == (0x12,) * 3
    palette = Image.new("P", (8, 6), 3)
    palette.putpalette([0, 0, 0] * 3 + [9, 8, 7])
    palette.save(tmp_path / "palette.png")
    assert pixel(tmp_path / "palette.png") == (9, 8, 7)
    # No ink but half of the black one.
    save(tmp_path / "ink.jpg", (0, 0, 0, 128), "CMYK", quality=100)
    assert pixel(tmp_path / "ink.jpg") == pytest.approx((127,) * 3, abs=2)


def test_a_drawing_that_is_in_alpha_alone_is_visible(tmp_path):
    for colour, ground in (((0, 0, 0), 255), ((255, 255, 255), 0)):
        drawing = Image.new("RGBA", (8, 6), (*colour, 0))
        drawing.putpixel((3, 2), (*colour, 255))
        drawing.save(tmp_path / "a.png")
        seen = read_image(tmp_path / "a.png")
        assert seen.getpixel((0, 0)) == (ground,) * 3
        assert seen.getpixel((3, 2)) == colour
    # An empty sheet stays one, and a see-through palette is on white.
    save(tmp_path / "empty.png", (255, 255, 255, 255), "RGBA")
    assert pixel(tmp_path / "empty.png") == (255, 255, 255)
    save(tmp_path / "p.gif", 0, "P", transparency=0)
    assert pixel(tmp_path / "p.gif") == (255, 255, 255)


def test_a_picture_on_its_side_is_turned(tmp_path):
    image = Image.new("RGB", (8, 6))
    image.putpixel((0, 5), (255, 255, 255))  # lower left
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    image.save(tmp_path / "a.png", exif=exif)
    seen = read_image(tmp_path / "a.png")
    assert seen.size == (6, 8)
    assert seen.getpixel((0, 0)) == (255, 255, 255)


def test_a_crop_keeps_the_aspect_and_a_squash_the_whole():
    wide = np.zeros((4, 12, 3), np.uint8)
    wide[:, 4:8] = 200  # the middle third
    image = Image.fromarray(wide)
    assert (fit_image(image, (4, 4)) == 200).all()
    squashed = fit_image(image, (4, 3), "squash")
    assert squashed.shape == (4, 3, 3)
    assert squashed[0, 1, 0] > squashed[0, 0, 0]
    assert fit_image(image, (4, 12)).tobytes() == wide.tobytes()


def test_what_is_no_image_is_left_out_and_named(folder):
    (folder / "class 0" / ".DS_Store").write_bytes(b"")
    (folder / "class 0" / "notes.txt").write_text("")
    (folder / "class 1" / "gone.png").symlink_to(folder / "nowhere")
    (folder / "class 1" / "again").symlink_to(folder / "class 1")
    (folder / "class 3" / "up").symlink_to(folder)
    (folder / "class 2" / "deeper").mkdir()
    save(folder / "class 2" / "deeper" / "UPPER.JPEG")
    (folder / "readme.md").write_text("")
    os.mkfifo(folder / "class 3" / "pipe.png")
    found = list_images(folder)
    assert len(found.images["all"]) == 41
    assert found.class_names == tuple(f"class {c}" for c in range(4))
    said = "\n".join(found.notices)
    assert "hidden files: class 0/.DS_Store." in said
    assert "other kinds: class 0/notes.txt, class 3/pipe.png." in said
    assert "lead nowhere: class 1/gone.png." in said
    assert "in a circle: class 1/again, class 3/up." in said
    assert "in no class's folder: readme.md." in said


def test_names_are_ordered_alike_however_they_are_coded(tmp_path):
    for name in ("Ё", "é", "zebra", "10", "2"):
        save(tmp_path / unicodedata.normalize("NFD", name) / "a b.png")
    found = list_images(tmp_path)
    assert found.class_names == ("10", "2", "zebra", "é", "Ё")
    assert found.images["all"][0].relative == "10/a b.png"


def part_folder(root, parts):
    for part, count in parts.items():
        for c in range(4):
            for i in range(count):
                save(root / part / str(c) / f"{part}{i}.png", (c, i, count))
    return root


def test_parts_of_a_folder_serve_as_they_are_called(tmp_path):
    parts = {"Train": 5, "val": 3, "test": 2}
    root = part_folder(tmp_path / "parts", parts)
    source = ImageFolder(root)
    pool = pools.prepare_pool(tmp_path / "cache", source, (6, 8))
    assert pool.images("train").shape == (32, 6, 8, 3)
    assert pool.describe_parts() == (
        "train (folder 'Train') 20 images, test (folder 'test') 8 images, "
        "validation (folder 'val') 12 images"
    )
    assert pool.class_counts("test").tolist() == [2, 2, 2, 2]
    half = halves.load_half(pool, DataSpec(pool.name, 0, 8, 8), "A")
    assert (len(half.train), len(half.validation), len(half.test)) == (10, 6, 4)
    # Pictures of `val` have 3 as their blue, and those alone.
    blue = half.validation.images[half.validation.indices][..., 2]
    assert set(blue.ravel().tolist()) == {3}


def test_without_a_test_folder_the_validation_images_are_tested_on(tmp_path):
    root = part_folder(tmp_path / "parts", {"train": 10, "validation": 3})
    assert ImageFolder(root).parts == {
        "train": "folder 'train'",
        "test": "folder 'validation'",
        "validation": "cut by content from folder 'train'",
    }
    assert ImageFolder(root).counts("test").tolist() == [3] * 4


def test_test_images_without_classes_are_left_out(tmp_path):
    root = part_folder(tmp_path / "parts", {"train": 10, "validation": 3})
    save(root / "test" / "1.png")
    source = ImageFolder(root)
    assert source.parts["test"] == "folder 'validation'"
    assert source.listing.notices == (
        f"{root}: left out folders of images without a class: test.",
    )


def test_a_class_called_train_is_a_class(tmp_path):
    for name in ("train", "bus"):
        save(tmp_path / name / "a.png")
    assert list_images(tmp_path).class_names == ("bus", "train")


def test_adding_images_moves_none(folder):
    before = ImageFolder(folder)
    for i in range(10, 40):
        save(folder / "class 2" / f"{i}.png", (120, i, 0))
    save(folder / "class 4" / "0.png", (240, 0, 0))
    after = ImageFolder(folder)
    assert after.name != before.name
    for part in ("train", "validation", "test"):
        old = {image.relative for image in before.divided[part]}
        new = {image.relative for image in after.divided[part]}
        moved = old - new
        # But for one that a class had to lend to an empty part.
        assert all(name.startswith("class 2") for name in moved)
        assert len(moved) <= 1


def test_content_decides_by_thresholds():
    shares = {"test": 0.2, "validation": 0.1}
    digits = ["33" * 32, "34" * 32, "4c" * 32, "4d" * 32]
    # 0x33/256 is 0.199, 0x34 0.203, 0x4c 0.297 and 0x4d 0.301.
    parts = ["test", "validation", "validation", "train"]
    assert cut_by_content(digits, [0] * 4, shares) == parts
    assert cut_by_content(digits[::-1], [0] * 4, shares) == parts[::-1]
    # Equal images go together; few images fill the parts in turn.
    assert cut_by_content(["f0", "f0"], [0, 0], shares) == ["train"] * 2
    assert cut_by_content(["01"], [0], shares) == ["train"]
    assert cut_by_content(["f1", "f0"], [0, 0], shares) == ["train", "test"]
    few = cut_by_content(["f2", "f1", "f0"], [0] * 3, shares)
    assert few == ["train", "validation", "test"]
    low = cut_by_content(["01", "02", "03"], [0] * 3, shares)
    assert low == ["test", "validation", "train"]


def test_images_that_are_there_twice_are_named(tmp_path):
    root = part_folder(tmp_path / "parts", {"train": 4, "test": 2})
    copy = (root / "train" / "1" / "train0.png").read_bytes()
    (root / "test" / "1" / "copy.png").write_bytes(copy)
    (root / "train" / "3" / "other.png").write_bytes(copy)
    said = "\n".join(ImageFolder(root).notices)
    assert "1 images are in two parts" in said
    assert "1 images are in two classes" in said
    assert "test/1/copy.png" in said and "train/1/train0.png" in said


@pytest.mark.slow
def test_a_pool_is_decoded_anew_when_a_file_changes(folder, tmp_path):
    path = save(folder / "class 0" / "0.bmp")
    source = ImageFolder(folder)
    store = RunStore(tmp_path / "logs", "study")
    place = (store, source.name, 6, str(folder), Reporter())
    first = pools.prepare_pool(store.cache_dir, source, 6)
    assert not pools.has_changed(first, str(folder))
    # As many bytes, another picture: the name stays, the images do not.
    save(path, (0, 0, 200))
    os.utime(path, (1, 1))
    assert ImageFolder(folder).name == source.name
    second = prepare_data(*place)
    assert second.fingerprint != first.fingerprint
    assert second.version != first.version
    assert prepare_data(*place).fingerprint == second.fingerprint


def test_a_plan_knows_classes_and_counts_without_opening_a_file(folder):
    for path in folder.rglob("*.png"):
        path.write_bytes(b"not opened")
    settings = SimilarSettings(images=str(folder)).opened()
    assert settings.dataset.startswith("folder:pictures-")
    store = RunStore(folder.parent / "logs", "study")
    place = (store, settings.dataset, 64, settings.data_dir)
    assert dataset_facts.find_facts(*place) == dataset_facts.DatasetFacts(
        4, 32, 8
    )
    assert dataset_facts.find_class_names(*place)[3] == "class 3"
    text = ImageFolder(folder).describe()
    assert "4 classes, 40 images (to be cut by content" in text
    assert "10 to 10 a class: class 0 10, class 1 10" in text


@pytest.mark.slow
def test_a_study_takes_a_folder(folder, tmp_path, capsys):
    arguments = ["--images", str(folder), "--image-size", "20", "--width", "4"]
    arguments += ["--preset", "smoke", "--steps-per-epoch", "2"]
    arguments += ["--batch-size", "4", "--treatments", "--workers", "1"]
    arguments += ["--log-dir", str(tmp_path / "logs")]
    assert similar_datasets.main([*arguments, "--plan", "--guess"]) == 0
    assert "4 classes, 40 images" in capsys.readouterr().out
    assert not (tmp_path / "logs").exists()
    assert similar_datasets.main(arguments) == 0
    said = capsys.readouterr().out
    name = ImageFolder(folder).name
    assert f"images of {name}: train (cut by content)" in said
    found = RunStore(tmp_path / "logs", "similar_datasets")
    pool = pools.find_pool(found.cache_dir, name, 20)
    summary = next((tmp_path / "logs").rglob("summary.md")).read_text()
    assert f"Images: {pool.describe_parts()}." in summary
    assert f"`{name}` {pool.version}" in summary


def test_native_shape(folder):
    assert ImageFolder(folder).native_shape() == (6, 8)
    save(folder / "class 3" / "x.png", size=(9, 6))
    assert ImageFolder(folder).native_shape() is None


def test_a_squashed_set_is_another_set(folder):
    squashed = ImageFolder(folder, "squash")
    assert squashed.name == ImageFolder(folder).name + ",fit=squash"
    assert ImageFolder.named(squashed.name, str(folder)).fit == "squash"


def only(name, content=b""):
    def make(root):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)

    return make


def cut_short(root):
    path = save(root / "class 0" / "0.png", size=(40, 40))
    path.write_bytes(path.read_bytes()[:60])


def two_codings(root):
    save(root / "caf\u00e9" / "a.png")
    save(root / "cafe\u0301" / "a.png")


def two_parts_of_a_kind(root):
    part_folder(root, {"val": 1, "valid": 1})


BAD = [
    (only("class 9/a.tif"), "without an image: 'class 9'.*class 9/a.tif"),
    (only("class 0/0.png"), "'.*class 0/0.png' cannot be.*file is empty"),
    (only("class 0/0.png", b"%PDF"), "class 0/0.png.*no JPEG, PNG, BMP"),
    (cut_short, "class 0/0.png' cannot be decoded: .*truncated"),
    (two_codings, "two folders whose names read 'café'"),
    (two_parts_of_a_kind, "two folders of validation images: 'val' and"),
    (lambda root: part_folder(root, {"train": 2}), "mixes parts"),
    (only("bad\nname/a.png"), "signs that cannot be printed: 'bad"),
    (only(" space/a.png"), "begins or ends with a space"),
    (
        lambda root: os.mkdir(os.fsencode(root) + b"/\xff\xfe"),
        "not UTF-8: b'.xff.xfe'",
    ),
]


@pytest.mark.parametrize("spoil, message", BAD)
def test_bad_folders_are_named(folder, tmp_path, spoil, message):
    spoil(folder)
    with pytest.raises(UserError, match=message) as error:
        pools.prepare_pool(tmp_path / "cache", ImageFolder(folder), 8)
    assert len(str(error.value).splitlines()) == 1
    assert not list((tmp_path / "cache").glob("*/pool.json"))


def test_folders_that_are_none(tmp_path, folder):
    def message(path, **options):
        with pytest.raises(UserError) as error:
            ImageFolder(path, **options)
        return str(error.value)

    assert "nothing there" in message(tmp_path / "no")
    (tmp_path / "a.zip").write_bytes(b"PK")
    assert "(a file). Unpack an archive" in message(tmp_path / "a.zip")
    (tmp_path / "empty").mkdir()
    assert "Received: 0 such folders." in message(tmp_path / "empty")
    save(tmp_path / "flat" / "a.png")
    assert "Other files there: a.png" in message(tmp_path / "flat")
    (tmp_path / "outer").mkdir()
    folder.rename(tmp_path / "outer" / "inner")
    assert "Did you mean" in message(tmp_path / "outer")
    inner = tmp_path / "outer" / "inner"
    assert "`fit` among" in message(inner, fit="stretch")
    root = part_folder(tmp_path / "untrained", {"train": 1, "test": 1})
    save(root / "test" / "new" / "a.png")
    assert "without an image to train on: 'new'" in message(root)
    assert "no 'train' folder. Received: 'test'" in message(
        part_folder(tmp_path / "tests", {"test": 1})
    )
    name = ImageFolder(inner).name
    with pytest.raises(UserError, match="Received: none"):
        ImageFolder.named(name, None)
    save(inner / "class 0" / "more.png")
    with pytest.raises(UserError, match="files were added, removed or"):
        ImageFolder.named(name, str(inner))
    with pytest.raises(UserError, match="Received both: --images"):
        SimilarSettings(images="x", dataset="mnist").opened()
    save(tmp_path / "one" / "a" / "a.png")
    assert "Received: 1 such folder. Did you" in message(tmp_path / "one")


def test_a_class_without_test_images_is_said(tmp_path):
    root = part_folder(tmp_path / "parts", {"train": 2, "test": 1})
    (root / "test" / "3" / "test0.png").unlink()
    notices = list_images(root).notices
    assert notices == (f"{root}: classes without a test image: '3'.",)


@pytest.mark.parametrize(
    "name, classes, total, parts",
    [
        ("clothing", 10, 2530, {"train": 1817, "validation": 341, "test": 372}),
        ("cyrillic", 33, 3300, {"all": 3300}),
        ("omniglot", 136, 2720, {"all": 2720}),
        ("sign_digits", 10, 2062, {"all": 2062}),
    ],
)
def test_real_folders(shared_data, name, classes, total, parts):
    source = ImageFolder(shared_data / "data" / "images" / name)
    found = source.listing.images
    assert {part: len(images) for part, images in found.items()} == parts
    assert len(source.class_names) == classes
    assert source.counts().sum() == total
    assert not source.notices  # no file is left out, none is there twice
    sizes = [source.counts(part) for part in ("train", "validation", "test")]
    assert sum(sizes).tolist() == source.counts().tolist()
    assert min(size.min() for size in sizes) >= 1
    ink = read_image(found[next(iter(found))][0].path).getextrema()
    assert all(low < high for low, high in ink)


def test_batches_hold_every_image_in_order(folder):
    source = ImageFolder(folder)
    batches = list(source.images("train", (6, 8), batch_size=7))
    assert {len(batch) for batch in batches[:-1]} == {7}
    images = np.concatenate(batches)
    labels = source.labels("train")
    assert len(images) == len(labels)
    np.testing.assert_array_equal(images[:, 0, 0, 0], 60 * labels)
