"""Publishers' own files: each format is read from tiny files that are written here, and broken ones are refused."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from models.data.official import OFFICIAL
from models.tasks import load_task
from models.tasks.official.text import SEPARATOR
from models.tasks.official.wikitext import word_perplexity
from toolchain.errors import InputError

RNG = np.random.default_rng(0)


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("SEAMOUNT_DATA", str(tmp_path))
    return tmp_path


def refused(task: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_task(task)


TASKS = {
    "scifar": "cifar-10", "lra-image": "cifar-10", "lra-text": "imdb", "lra-retrieval": "aan",
    "lra-listops": "lra-listops", "lra-pathfinder32": "lra-pathfinder32", "lra-pathx": "lra-pathfinder128",
    "wikitext103": "wikitext-103", "shd": "shd",
}  # fmt: skip


@pytest.mark.parametrize("task", TASKS)
def test_an_absent_folder_is_named_with_what_to_do(task: str, data: Path) -> None:
    entry = OFFICIAL[TASKS[task]]
    with pytest.raises(InputError) as caught:
        load_task(task)
    assert caught.value.where == str(data / entry.folder) and caught.value.remedy == entry.obtain


def _batch(path: Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    """A file of CIFAR-10's binary version; images (count, 3, 32, 32) and labels."""
    images = RNG.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)
    labels = RNG.integers(0, 10, count, dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(bytes([label]) + image.tobytes() for image, label in zip(images, labels, strict=True)))
    return images, labels


def test_cifar_binary(data: Path) -> None:
    folder = data / "cifar-10" / "cifar-10-batches-bin"
    train = [_batch(folder / f"data_batch_{number}.bin", 2)[0] for number in range(1, 6)]
    images, labels = _batch(folder / "test_batch.bin", 3)
    task, gray = load_task("scifar"), load_task("lra-image")
    assert [len(part) for part in (task.train, task.validation, task.test)] == [9, 1, 3]
    assert task.test.labels.tolist() == labels.tolist() and (task.steps, task.inputs) == (1024, 3)
    assert np.array_equal(task.test.inputs[1, 33] * 256, images[1, :, 1, 1])
    assert np.array_equal(task.validation.inputs[0, :, 2] * 256, train[4][1, 2].ravel())
    red, green, blue = images[1, :, 1, 1].astype(float)
    assert gray.inputs == 1
    assert gray.test.inputs[1, 33, 0] * 256 == pytest.approx(0.2989 * red + 0.587 * green + 0.114 * blue, abs=0.51)


def _python_batch(images: np.ndarray, labels: np.ndarray) -> bytes:
    """As Python 2 pickled it, protocol 2: {"data": array, "labels": list}."""
    count, raw = len(images), images.tobytes()
    array = b"cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85U\x01b\x87Rq\x05(K\x01K"
    array += bytes([count]) + b"M\x00\x0c\x86cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07(K\x03U\x01|NNN"
    array += b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T" + len(raw).to_bytes(4, "little") + raw + b"tb"
    listed = b"]q\x08(" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}q\x01(U\x04dataq\x02" + array + b"U\x06labelsq\x09" + listed + b"u."


def test_cifar_python(data: Path) -> None:
    folder = data / "cifar-10" / "cifar-10-batches-bin"
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    batches = {name: _batch(folder / f"{name}.bin", 2) for name in names}
    wanted = load_task("scifar")
    folder.rename(data / "elsewhere")
    other = data / "cifar-10" / "cifar-10-batches-py"
    other.mkdir()
    for name, (images, labels) in batches.items():
        (other / name).write_bytes(_python_batch(images, labels))
    found = load_task("scifar")
    for part in ("train", "validation", "test"):
        assert np.array_equal(getattr(found, part).inputs, getattr(wanted, part).inputs)
        assert np.array_equal(getattr(found, part).labels, getattr(wanted, part).labels)
    content = (other / "test_batch").read_bytes()
    for broken, message in (
        (content[:-40], "is not a pickled table|ends before"),
        (b"\x80\x02cos\nsystem\n(U\x04trapt\x52.", "holds no batch of images"),
        (content.replace(b"labels", b"marked"), "holds no batch of images"),
        (content.replace(b"M\x00\x0c\x86", b"K\x0c\x86"), "is not a pickled table|holds no batch"),
    ):
        (other / "test_batch").write_bytes(broken)
        refused("scifar", message)


def test_broken_cifar(data: Path) -> None:
    folder = data / "cifar-10" / "cifar-10-batches-bin"
    refused_at = folder.parent
    refused_at.mkdir()
    refused("scifar", "holds none of cifar-10-batches-bin, cifar-10-batches-py")
    _batch(folder / "data_batch_1.bin", 2)
    refused("scifar", r"data_batch_2\.bin: cannot be read \(No such file")
    content = (folder / "data_batch_1.bin").read_bytes()
    (folder / "data_batch_1.bin").write_bytes(content[:-1])
    refused("scifar", r"has 6145 bytes, no multiple of 3073")
    (folder / "data_batch_1.bin").write_bytes(b"\x0a" + content[1:])
    refused("scifar", r"has labels \d\.\.10, not 0\.\.9")


def test_reviews(data: Path) -> None:
    for part in ("train", "test"):
        for kind in ("pos", "neg"):
            folder = data / "aclImdb" / part / kind
            folder.mkdir(parents=True)
            for number in range(12):
                (folder / f"{number:02}_7.txt").write_bytes(f"{part} {kind} {number}".encode() + b"\xc3\xa9" * number)
    (data / "aclImdb" / "test" / "pos" / "99_1.txt").write_bytes(b"x" * 5000)
    task = load_task("lra-text")
    assert [len(part) for part in (task.train, task.validation, task.test)] == [20, 4, 25]
    assert (task.steps, task.inputs) == (4096, 129)
    assert task.validation.labels.tolist() == [0, 0, 1, 1]
    assert task.validation.lengths is not None and task.test.lengths is not None
    row, length = task.validation.inputs[3], task.validation.lengths[3]
    assert row[:length].tolist() == [*b"train pos 10", *[128] * 20] and not row[length:].any()
    assert task.test.lengths[-1] == 4096
    for path in (data / "aclImdb" / "test" / "neg").iterdir():
        path.unlink()
    refused("lra-text", r"test/neg: holds no \.txt file")


def test_pairs_of_papers(data: Path) -> None:
    folder = data / "tsv_data"
    folder.mkdir()
    rows = ['1.0\tA1\tB2\tfirst "text\tsecond é\n', "0.0\tA2\tB3\t\tx" + "y" * 4500 + "\n"]
    for kind in ("train", "eval", "test"):
        (folder / f"new_aan_pairs.{kind}.tsv").write_text("".join(rows), encoding="utf-8")
    part = load_task("lra-retrieval").train
    assert part.labels.tolist() == [1, 0] and part.inputs.shape == (2, 8001)
    assert part.lengths is not None
    assert part.inputs[0, : part.lengths[0]].tolist() == [*b'first "text', SEPARATOR, *b"second ", 128, 128]
    assert part.lengths[1] == 4001 and part.inputs[1, 0] == SEPARATOR
    (folder / "new_aan_pairs.eval.tsv").write_text(rows[0] + "1\tA\tB\tonly one\n")
    refused("lra-retrieval", r"eval\.tsv, row 2: has 4 columns and label '1'; it needs 5 columns")
    (folder / "new_aan_pairs.eval.tsv").write_text("yes\tA\tB\tone\ttwo\n")
    refused("lra-retrieval", "row 1: has 5 columns and label 'yes'")


def test_listops_tables(data: Path) -> None:
    folder = data / "listops-1000"
    folder.mkdir()
    rows = "Source\tTarget\r\n( ( ( [MAX 2 ) 9 ) ] )\t9\r\n( ( ( [SM ( ( ( [MED 1 ) 4 ) ] ) ) 8 ) ] )\t0\r\n"
    for kind in ("train", "val", "test"):
        (folder / f"basic_{kind}.tsv").write_bytes(rows.encode())
    part = load_task("lra-listops").test
    assert part.labels.tolist() == [9, 0] and part.lengths is not None and part.lengths.tolist() == [4, 7]
    assert part.inputs[:, :8].tolist() == [[11, 2, 9, 14, 15, 15, 15, 15], [13, 12, 1, 4, 14, 8, 14, 15]]
    for row, message in (
        ("[FIRST 2 ]\t2", "among them '\\[FIRST'"),
        ("[MAX 2 ]\t]", "value '\\]'"),
        ("\t1", "among them None"),
    ):
        (folder / "basic_val.tsv").write_text(f"Source\tTarget\n{row}\n")
        refused("lra-listops", rf"basic_val\.tsv, row 2: has .*{message}")
    (folder / "basic_val.tsv").write_text("Target\n")
    refused("lra-listops", "begins with 'Target'")


@pytest.mark.parametrize("text", [True, False])
def test_pathfinder_folders(text: bool, data: Path) -> None:
    folder = data / "pathfinder32" / "curv_contour_length_14"
    (folder / "metadata").mkdir(parents=True)
    images = RNG.integers(0, 256, (20, 32, 32), dtype=np.uint8)
    for batch in (0, 1):
        (folder / "imgs" / str(batch)).mkdir(parents=True)
        rows = []
        for number in range(10):
            image = images[10 * batch + number]
            Image.fromarray(image).save(folder / "imgs" / str(batch) / f"sample_{number}.png")
            rows.append([f"imgs/{batch}", f"sample_{number}.png", str(number), str(image[0, 0] % 2), "1.0", "14"])
        path = folder / "metadata" / f"{batch}.npy"
        if text:
            path.write_text("".join(" ".join(row) + "\n" for row in rows))
        else:
            np.save(path, np.array(rows))
    task = load_task("lra-pathfinder32")
    assert [len(part) for part in (task.train, task.validation, task.test)] == [16, 2, 2]
    read = np.concatenate([part.inputs for part in (task.train, task.validation, task.test)])
    labels = np.concatenate([part.labels for part in (task.train, task.validation, task.test)])
    pixels = np.rint((read[:, :, 0] + 1) * 128).astype(np.uint8)
    assert np.array_equal(pixels[:, 0] % 2, labels)
    assert sorted(map(bytes, pixels)) == sorted(map(bytes, images.reshape(20, 1024)))
    _break_pathfinder(folder)


def _break_pathfinder(folder: Path) -> None:
    image = folder / "imgs" / "1" / "sample_3.png"
    image.write_bytes(image.read_bytes()[:40])
    refused("lra-pathfinder32", r"sample_3\.png: cannot be read")
    Image.new("L", (16, 16)).save(image)
    refused("lra-pathfinder32", r"sample_3\.png: has \(16, 16\) pixels, not 32 x 32")
    image.unlink()
    refused("lra-pathfinder32", r"sample_3\.png: cannot be read")
    (folder / "metadata" / "0.npy").write_text("imgs/0 sample_0.png 0 2\n")
    refused("lra-pathfinder32", r"0\.npy, row 1: is \['imgs/0', 'sample_0\.png', '0', '2'\]")
    (folder / "metadata" / "0.npy").write_bytes(b"\x93NUMPY\x01\x00junk")
    refused("lra-pathfinder32", r"0\.npy: is not an array of text")


def test_wikitext(data: Path) -> None:
    folder = data / "wikitext-103"
    folder.mkdir()
    texts = {
        kind: RNG.integers(0, 256, size, dtype=np.uint8)
        for kind, size in (("train", 3100), ("valid", 1025), ("test", 2500))
    }
    for kind, text in texts.items():
        (folder / f"wiki.{kind}.tokens").write_bytes(text.tobytes())
    task = load_task("wikitext103")
    assert [len(part) for part in (task.train, task.validation, task.test)] == [3, 1, 2] and task.inputs == 256
    assert np.array_equal(task.test.labels.ravel(), texts["test"][1:2049])
    (folder / "wiki.test.tokens").write_bytes(b"short")
    refused("wikitext103", r"wiki\.test\.tokens: has 5 bytes, a window needs 1025")


def test_word_perplexity() -> None:
    # Six words and two ends of line in 32 bytes: four bytes each.
    text = b"one two six\nnine ten elevens ok\n"
    assert len(text) == 32 and word_perplexity(1.0, text.replace(b" ok", b"-ok")) == pytest.approx(2 ** (32 / 8))


def _recordings(path: Path, times: list[list[float]], units: list[list[int]], labels: list[int]) -> None:
    with h5py.File(path, "w") as file:
        spikes = file.create_group("spikes")
        at = spikes.create_dataset("times", (len(times),), dtype=h5py.vlen_dtype(np.float16))
        where = spikes.create_dataset("units", (len(units),), dtype=h5py.vlen_dtype(np.uint16))
        for number, (moments, channels) in enumerate(zip(times, units, strict=True)):
            at[number], where[number] = np.array(moments, dtype=np.float16), np.array(channels, dtype=np.uint16)
        file["labels"] = np.array(labels, dtype=np.uint16)


def test_spoken_digits(data: Path) -> None:
    (data / "shd").mkdir()
    train, test = data / "shd" / "shd_train.h5", data / "shd" / "shd_test.h5"
    _recordings(train, [[0.001, 0.002, 0.031], *[[0.5]] * 10], [[0, 4, 699], *[[7]] * 10], [3] * 11)
    _recordings(test, [[0.25], []], [[5], []], [19, 0])
    task = load_task("shd")
    assert [len(part) for part in (task.train, task.validation, task.test)] == [9, 2, 2]
    assert (task.steps, task.inputs, task.classes) == (51, 140, 20)
    first = task.validation.inputs[0]
    assert first[0, 0] == 2 and first[3, 139] == 1 and first.sum() == 3
    assert task.validation.lengths is not None and task.test.lengths is not None
    assert task.validation.lengths.tolist() == [4, 51] and task.test.lengths.tolist() == [26, 1]
    _recordings(test, [[0.25]], [[700]], [0])
    refused("shd", r"shd_test\.h5: holds no recordings \(1 times of spikes in 1 channels, or one out of range")
    _recordings(test, [[0.25]], [[7]], [20])
    refused("shd", "1 recordings and 1 labels of 0..19")
    test.write_bytes(test.read_bytes()[:100])
    refused("shd", r"shd_test\.h5: holds no recordings")
