"""Results that are not read again; whatever becomes of the index."""

import os
import shutil
import threading

import pytest

from experiments import report
from keras_transfer.errors import UserError
from keras_transfer.storage import locks, result_index, tree
from keras_transfer.storage.files import temporary_beside
from keras_transfer.storage.log_folder import LogFolder
from keras_transfer.storage.network_folder import NetworkFolder
from keras_transfer.storage.result import seal, unseal
from keras_transfer.storage.store import RunStore
from keras_transfer.storage.stored_proof import StoredProof, count_tensors
from tests.helpers import made_up_study, with_result

TENSOR = {
    "target_path": "cnn8/conv1/kernel",
    "source_path": "conv1/kernel",
    "shape": [3, 3, 3, 8],
    "frozen": True,
    "source_sha256": "a" * 64,
    "before_sha256": "a" * 64,
    "after_sha256": "a" * 64,
}


@pytest.fixture
def specs(tiny_spec, tmp_path, monkeypatch):
    """Networks in a log folder whose index is written, however young."""
    monkeypatch.setattr(result_index, "FEWEST", 1)
    monkeypatch.setattr(result_index, "RACY_NS", 0)
    store = RunStore(tmp_path, "study")
    rows = made_up_study(tiny_spec, layers=(1,), splits=(0,))
    for row in rows:
        network = store.network(row.spec)
        network.begin()
        network.model_path.write_bytes(b"weights")
        proof = [] if row.spec.is_base else [TENSOR] * row.spec.n
        network.complete(with_result(row, proof=proof).result)
    logs = LogFolder(tmp_path)
    assert len(logs.finished()) == len(rows)
    logs.save_index()
    assert (tmp_path / tree.INDEX).is_file()
    return [row.spec for row in rows]


@pytest.fixture
def was_read(monkeypatch):
    """Names of the networks whose `result.json` is read from now on."""
    names, read = [], NetworkFolder.read_result

    def noting(network):
        names.append(network.spec.name)
        return read(network)

    monkeypatch.setattr(NetworkFolder, "read_result", noting)
    return names


def results(folder, specs):
    logs = LogFolder(folder)
    return [logs.result(spec) for spec in specs]


def without_index(folder, specs):
    (folder / tree.INDEX).unlink()
    return results(folder, specs)


def edit(path, accuracy):
    """Changes a result in its place, with its size and time of change."""
    before = path.stat()
    content = unseal(path.read_bytes())
    text = seal({**content, "test_accuracy": accuracy})
    assert len(text) == before.st_size
    with path.open("r+") as file:
        file.write(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_results_of_the_index_are_those_of_the_files(specs, was_read, tmp_path):
    found = results(tmp_path, specs)
    assert was_read == []
    assert all(isinstance(one.proof, StoredProof) for one in found)
    assert [one.wrong_field() for one in found] == [None] * len(specs)
    read = without_index(tmp_path, specs)
    assert len(was_read) == len(specs)
    assert found == read
    assert [seal(one.to_json()) for one in found] == [
        seal(one.to_json()) for one in read
    ]
    for one, other in zip(found, read, strict=True):
        assert count_tensors(one.proof) == count_tensors(other.proof)


def test_page_is_the_same_with_and_without_the_index(specs, was_read, tmp_path):
    path, _ = report.write(tmp_path)
    page = path.read_bytes()
    assert was_read == []
    (tmp_path / tree.INDEX).unlink()
    report.write(tmp_path)
    assert len(was_read) == len(specs)
    assert path.read_bytes() == page
    assert b"1 of 1 tensors copied" in page


def test_changed_result_is_read_again(specs, was_read, tmp_path):
    changed = LogFolder(tmp_path).find(specs[0])
    accuracy = changed.read_result().test_accuracy
    was_read.clear()
    edit(changed.result_path, 1 - accuracy)
    found = results(tmp_path, specs)
    assert was_read == [specs[0].name]
    assert found[0].test_accuracy == 1 - accuracy
    assert found == without_index(tmp_path, specs)


def test_damage_is_found(specs, tmp_path):
    path = LogFolder(tmp_path).find(specs[0]).result_path
    before = path.stat()
    with path.open("r+b") as file:  # of the same size
        file.seek(before.st_size // 2)
        file.write(b"\0")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    logs = LogFolder(tmp_path)
    assert logs.result(specs[0]) is None
    assert "was cut short or edited" in logs.notices[0]
    assert logs.result(specs[1]) is not None


@pytest.mark.parametrize("damage", ["bytes", "folder"])
def test_damage_behind_the_index_is_told_with_its_cure(specs, tmp_path, damage):
    # As of a failing disk: the index was asked before the file was.
    logs = LogFolder(tmp_path)
    found, path = logs.result(specs[0]), logs.find(specs[0]).result_path
    assert isinstance(found.proof, StoredProof)
    path.unlink()
    path.mkdir() if damage == "folder" else path.write_bytes(b"x")
    with pytest.raises(UserError, match=f"Delete .*{tree.INDEX}"):
        list(found.proof)
    (tmp_path / tree.INDEX).unlink()
    assert LogFolder(tmp_path).result(specs[0]) is None


def test_lost_model_and_lost_result_are_found(specs, tmp_path):
    logs = LogFolder(tmp_path)
    logs.find(specs[0]).model_path.unlink()
    logs.find(specs[1]).result_path.unlink()
    assert results(tmp_path, specs[:2]) == [None, None]


@pytest.mark.parametrize("damage", ["cut", "bit", "empty", "text", "folder"])
def test_damaged_index_is_as_none(specs, was_read, tmp_path, damage):
    path = tmp_path / tree.INDEX
    text = path.read_bytes()
    flipped = bytearray(text)
    flipped[len(text) // 2] ^= 1
    path.unlink()
    if damage == "folder":
        path.mkdir()
    else:
        texts = {"cut": text[:-9], "bit": flipped, "empty": b""}
        path.write_bytes(texts.get(damage, b"not\nours"))
    found = results(tmp_path, specs)
    assert len(was_read) == len(specs)
    assert None not in found
    logs = LogFolder(tmp_path)
    logs.finished()
    logs.save_index()  # of a folder's name nothing is written
    assert path.is_dir() == (damage == "folder")
    if damage != "folder":
        assert path.read_bytes() == text


def test_index_of_other_code_is_as_none(specs, was_read, tmp_path, monkeypatch):
    monkeypatch.setattr(result_index, "_code", lambda: "another version")
    assert None not in results(tmp_path, specs)
    assert len(was_read) == len(specs)


def test_young_result_is_not_kept(specs, was_read, tmp_path, monkeypatch):
    (tmp_path / tree.INDEX).unlink()
    monkeypatch.setattr(result_index, "RACY_NS", 3600 * 10**9)
    logs = LogFolder(tmp_path)
    assert len(logs.finished()) == len(specs)
    logs.save_index()
    assert not (tmp_path / tree.INDEX).exists()


def test_few_results_leave_the_folder_plain(specs, tmp_path, monkeypatch):
    (tmp_path / tree.INDEX).unlink()
    monkeypatch.setattr(result_index, "FEWEST", len(specs) + 1)
    logs = LogFolder(tmp_path)
    logs.finished()
    logs.save_index()
    assert not (tmp_path / tree.INDEX).exists()


def test_two_writers_do_no_harm(specs, was_read, tmp_path):
    path = tmp_path / tree.INDEX
    first, second = LogFolder(tmp_path), LogFolder(tmp_path)
    for logs, changed in ((first, specs[0]), (second, specs[1])):
        result_path = logs.find(changed).result_path
        shutil.copy(result_path, result_path.with_name("copy.json"))
        result_path.with_name("copy.json").replace(result_path)
        logs.finished()
    first.save_index()
    second.save_index()
    was_read.clear()
    expected = results(tmp_path, specs)
    # The second read all that had changed, and wrote last.
    assert was_read == []
    text = path.read_bytes()

    def write(logs):
        for _ in range(20):
            logs._index._changed = True
            logs.save_index()

    writers = [
        threading.Thread(target=write, args=(logs,)) for logs in (first, second)
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert results(tmp_path, specs) == expected
    for writer in writers:
        writer.join()
    assert len(path.read_bytes()) == len(text)
    assert [p.name for p in tmp_path.iterdir() if ".tmp" in p.name] == []


@pytest.mark.parametrize("changed", [True, False])
def test_what_a_killed_writer_left_is_deleted(specs, tmp_path, changed):
    path = tmp_path / tree.INDEX
    left, foreign = temporary_beside(path), temporary_beside(tmp_path / "a.txt")
    for file in (left, foreign):
        file.write_bytes(b"half")
    if changed:
        path.unlink()
    logs = LogFolder(tmp_path)
    logs.finished()
    # A living writer, which may be halted, holds the lock: it is left alone.
    with locks.hold(tmp_path / tree.LOCKS / "index.lock"):
        logs.save_index()
        assert path.is_file() != changed and left.is_file()
    logs.save_index()
    assert path.is_file() and not left.exists() and foreign.is_file()


def test_folder_that_cannot_be_written_stays_without(
    specs, tmp_path, monkeypatch
):
    (tmp_path / tree.INDEX).unlink()

    def refuse(path, content):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(result_index, "write_atomically", refuse)
    logs = LogFolder(tmp_path)
    assert len(logs.finished()) == len(specs)
    logs.save_index()
    assert not (tmp_path / tree.INDEX).exists()
