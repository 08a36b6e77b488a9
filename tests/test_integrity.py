"""A flipped bit or a lost end: found, named and made anew."""

import json

import numpy as np
import pytest

from keras_transfer.datasets import checksums, pools
from keras_transfer.storage.files import load_arrays, save_arrays
from tests.example_sets import example_set


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "0000": rng.normal(size=(3, 5)).astype(np.float32),
        "0001": np.arange(7),
        "rows": np.frombuffer(b'[{"epoch": 0, "loss": 1.5}]', "uint8"),
    }


def same(found, arrays):
    return set(found) == set(arrays) and all(
        found[name].dtype == array.dtype and np.array_equal(found[name], array)
        for name, array in arrays.items()
    )


def test_no_flipped_bit_of_a_checkpoint_is_believed(tmp_path, arrays):
    path = tmp_path / "checkpoint.npz"
    save_arrays(path, arrays)
    assert same(load_arrays(path), arrays)
    content = path.read_bytes()
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(bytes(damaged))
        assert load_arrays(path) is None, place


def test_checkpoint_from_before_digests_is_read(tmp_path, arrays):
    path = tmp_path / "checkpoint.npz"
    np.savez(path, **arrays)
    assert same(load_arrays(path), arrays)
    content = bytearray(path.read_bytes())
    content[content.index(b"NUMPY") + 130] ^= 1  # within the first array
    path.write_bytes(bytes(content))
    assert load_arrays(path) is None


def test_no_cut_checkpoint_is_believed(tmp_path, arrays):
    path = tmp_path / "checkpoint.npz"
    save_arrays(path, arrays)
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        found = load_arrays(path)
        if length == len(content) - 32:  # all but the digest: whole, if old
            assert same(found, arrays)
        else:
            assert found is None, length


def test_damaged_mean_is_computed_again(tiny_pool):
    indices = np.arange(10, 30)
    mean = tiny_pool.mean_image(indices)
    path = next(tiny_pool.folder.glob("mean-*.npz"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    np.testing.assert_array_equal(tiny_pool.mean_image(indices), mean)
    assert load_arrays(path) is not None


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 16
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    "name", [f"{p}_{k}.npy" for p in pools.PARTS for k in ("labels", "images")]
)
def test_flipped_bit_of_a_pool_is_found(tiny_pool, name):
    assert tiny_pool.find_damage() is None
    flip(tiny_pool.folder / name, -1)
    rows = 96 if name.startswith("train") else 40
    assert tiny_pool.find_damage() == f"{name}, rows 0 to {rows - 1}"


def test_cut_pool_is_found(tiny_pool):
    path = tiny_pool.folder / "train_images.npy"
    path.write_bytes(path.read_bytes()[:-1])
    assert "train_images.npy, cut short" in tiny_pool.find_damage()


def test_pool_from_before_blocks_is_compared_by_its_fingerprint(tiny_pool):
    path = tiny_pool.folder / "pool.json"
    meta = json.loads(path.read_text())
    del meta["blocks"], meta["sha256"]
    path.write_text(json.dumps(meta))
    old = pools.ImagePool(tiny_pool.folder)
    assert old.find_damage() is None
    flip(tiny_pool.folder / "test_images.npy", -1)
    assert old.find_damage() == "its fingerprint differs"


def test_of_a_large_pool_labels_and_some_blocks_are_read(
    tiny_pool, monkeypatch
):
    monkeypatch.setattr(checksums, "_BLOCK", 8)
    _, blocks = checksums.take_checksums(tiny_pool.folder)
    meta = {"blocks": blocks, "fingerprint": tiny_pool.fingerprint}
    size = 96 * 20 * 20 * 3
    read = []
    real = checksums.zlib.crc32
    monkeypatch.setattr(
        checksums.zlib, "crc32", lambda c: read.append(len(c)) or real(c)
    )

    def look(share):
        read.clear()
        return checksums.find_damage(tiny_pool.folder, meta, int(share * size))

    assert look(0.5) is None
    assert sum(read) < 0.6 * size
    flip(tiny_pool.folder / "train_images.npy", -1)
    # The damaged block is one of 12: some start of a study comes to it.
    found = [look(0.5) for _ in range(40)]
    assert "train_images.npy, rows 88 to 95" in found
    flip(tiny_pool.folder / "test_labels.npy", -8)
    assert look(0.1).startswith(("test_labels", "train_images"))


def test_damaged_pool_is_decoded_again(tmp_path, monkeypatch):
    name = example_set("decoded_again", (20, 20, 3), [0, 1, 2, 3] * 2)

    def prepare():
        return pools.prepare_pool(
            tmp_path / "cache", name, 20, str(tmp_path / "tfds")
        )

    first = prepare()
    flip(first.folder / "train_images.npy", -1)
    again = prepare()
    assert again.find_damage() is None
    assert again.fingerprint == first.fingerprint
    # What describes the pool has a checksum as well.
    path = first.folder / "pool.json"
    path.write_text(path.read_text().replace('"counts"', '"Counts"'))
    assert pools.find_pool(tmp_path / "cache", name, 20) is None
    assert prepare().fingerprint == first.fingerprint
    assert sorted(p.name for p in (tmp_path / "cache").iterdir()) == [
        "decoded_again-20px",
        "decoded_again-20px.lock",
    ]
