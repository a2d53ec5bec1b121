"""The doctor names everything that is wrong, shows it, and makes a copy without it."""

from __future__ import annotations

import csv
import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from common.door import run_door
from datazoo.doctor.__main__ import main
from datazoo.sources.splits import load_splits

EXIF_ORIENTATION = 0x0112


def photo(seed: int, size: tuple[int, int] = (96, 72)) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two classes, three splits, six photos each, nothing wrong; the working folder is `tmp_path`."""
    monkeypatch.chdir(tmp_path)
    for number, split in enumerate(("train", "val", "test")):
        for label, name in enumerate(("cat", "dog")):
            (tmp_path / "pets" / split / name).mkdir(parents=True)
            for index in range(6):
                photo(1000 * number + 100 * label + index).save(tmp_path / "pets" / split / name / f"{index}.png")
    return tmp_path / "pets"


def copy(source: Path, target: Path) -> None:
    target.write_bytes(source.read_bytes())


def findings(data: Path, *options: str) -> tuple[int, dict[str, dict]]:
    code = main([str(data), *options])
    found = json.loads(Path("runs/doctor", data.name, "doctor.json").read_text(encoding="utf-8"))
    return code, {finding["kind"]: finding for finding in found["findings"]}


def files(finding: dict) -> list[list[str]]:
    return [[picture["path"] for picture in case["pictures"]] for case in finding["cases"]]


def make(kind: str, data: Path) -> list[list[str]]:
    """Do one wrong to a data set; return the pictures that the doctor has to name."""
    cat = data / "train/cat"
    if kind == "broken":
        (cat / "0.png").write_bytes((cat / "0.png").read_bytes()[:200])
        return [["train/cat/0.png"]]
    if kind == "leak":
        copy(cat / "1.png", data / "test/cat/new.png")
        return [["train/cat/1.png", "test/cat/new.png"]]
    if kind == "other_label":
        copy(cat / "1.png", data / "train/dog/new.png")
        return [["train/cat/1.png", "train/dog/new.png"]]
    if kind == "copy":
        copy(cat / "1.png", cat / "new.png")
        return [["train/cat/1.png", "train/cat/new.png"]]
    if kind in ("near_leak", "near_copy", "near_label"):
        place = {"near_leak": "test/cat", "near_copy": "train/cat", "near_label": "train/dog"}[kind]
        ImageOps.mirror(photo(1)).save(data / place / "new.png")
        return [["train/cat/1.png", f"{place}/new.png"]]
    odd = photo(77)
    if kind == "rotated":
        exif = odd.getexif()
        exif[EXIF_ORIENTATION] = 6
        odd.save(cat / "new.jpg", exif=exif)
    elif kind == "tiny":
        photo(77, (20, 90)).save(cat / "new.jpg")
    elif kind == "huge":
        photo(77, (5000, 4001)).save(cat / "new.jpg")
    elif kind == "animated":
        odd.save(cat / "new.gif", save_all=True, append_images=[photo(78)])
    elif kind in ("gray", "cmyk"):
        odd.convert("L" if kind == "gray" else "CMYK").save(cat / "new.jpg")
    elif kind == "ending":
        odd.save(cat / "new.jpg", format="PNG")
    (new,) = cat.glob("new.*")
    return [[f"train/cat/{new.name}"]]


def test_a_healthy_data_set_passes_and_says_so(data: Path) -> None:
    assert findings(data) == (0, {})
    assert "Nothing is wrong." in Path("runs/doctor/pets/doctor.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["broken", "leak", "other_label"])
def test_a_problem_is_named_and_does_not_pass(data: Path, kind: str) -> None:
    expected = make(kind, data)

    code, found = findings(data)

    assert code == 1
    assert files(found[kind]) == expected


@pytest.mark.parametrize(
    "kind",
    ["near_leak", "near_label", "near_copy", "copy", "rotated", "tiny", "huge", "animated", "gray", "cmyk", "ending"],
)
def test_a_remark_is_named_and_passes(data: Path, kind: str) -> None:
    expected = make(kind, data)

    code, found = findings(data)

    assert (code, list(found)) == (0, [kind])
    assert files(found[kind]) == expected


def test_a_mirrored_copy_is_said_to_be_one(data: Path) -> None:
    make("near_copy", data)

    assert findings(data)[1]["near_copy"]["cases"][0]["note"] == "mirrored_or_turned"


def test_empty_classes_and_classes_that_a_split_lacks_are_named(data: Path) -> None:
    (data / "train/owl").mkdir()
    (data / "test/emu").mkdir()
    photo(5000).save(data / "test/emu/0.png")

    code, found = findings(data)

    assert code == 1
    assert [case["note"] for case in found["empty_class"]["cases"]] == ["train/owl"]
    assert [case["note"] for case in found["other_classes"]["cases"]] == ["train: emu"]
    assert [case["note"] for case in found["unscored_class"]["cases"]] == ["val: emu, owl", "test: owl"]


def test_what_is_no_picture_is_named(data: Path) -> None:
    (data / "train/cat/readme.txt").touch()
    (data / "train/cat/more").mkdir()
    (data / "cover.png").touch()

    notes = {case["note"] for case in findings(data)[1]["stray"]["cases"]}

    assert notes == {
        "train/cat/readme.txt (not a picture's ending)",
        "train/cat/more (a folder inside a class folder)",
        "cover.png (in no class folder)",
    }


def test_all_problems_are_told_at_once(data: Path) -> None:
    kinds = ["leak", "rotated", "near_leak"]
    make("leak", data)
    make("rotated", data)
    ImageOps.mirror(photo(2)).save(data / "val/cat/new.png")

    assert set(findings(data)[1]) == set(kinds)


def test_a_flat_folder_and_a_list_are_examined_too(data: Path) -> None:
    make("copy", data)
    assert files(findings(data / "train")[1]["copy"]) == [["cat/1.png", "cat/new.png"]]

    rows = [f"train/{name}/{i}.png,{name},train" for name in ("cat", "dog") for i in range(6)]
    (data / "list.csv").write_text("\n".join([*rows, "train/cat/1.png,cat,test"]))
    assert findings(data / "list.csv")[1]["leak"]["count"] == 1


@pytest.mark.parametrize("by", ["copy", "hardlink", "symlink"])
def test_the_clean_copy_passes_and_the_data_set_is_as_it_was(data: Path, by: str) -> None:
    for kind in ("leak", "near_copy"):
        make(kind, data)
    copy(data / "train/dog/1.png", data / "train/cat/wrong.png")
    copy(data / "train/dog/2.png", data / "train/dog/again.png")
    ImageOps.mirror(photo(3)).save(data / "test/cat/mirrored.png")
    (data / "val/dog/0.png").write_bytes(b"no picture")
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}

    assert main([str(data), "--fix", "clean", "--fix_by", by]) == 1

    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before
    assert findings(Path("clean")) == (0, {})
    with Path("clean/manifest.csv").open(encoding="utf-8", newline="") as stream:
        reasons = {row["path"]: (row["reason"], row["like"]) for row in csv.DictReader(stream) if row["what"] != "kept"}
    assert reasons.pop("val/dog/0.png")[0].startswith("cannot be decoded")
    assert reasons == {
        "train/cat/1.png": ("copy of a test picture", "test/cat/new.png"),
        "train/cat/3.png": ("near copy of a test picture", "test/cat/mirrored.png"),
        "train/cat/wrong.png": ("copies of it are labelled cat and dog", ""),
        "train/dog/1.png": ("copies of it are labelled cat and dog", ""),
        "train/dog/again.png": ("copy within the split", "train/dog/2.png"),
        "train/cat/new.png": ("near copy of a test picture", "test/cat/new.png"),
    }
    assert [len(part) for part in load_splits("image_folder", Path("clean"))] == [9, 11, 14]


def test_a_class_without_pictures_to_train_on_is_left_out_of_all(data: Path) -> None:
    (data / "val/owl").mkdir()
    photo(5000).save(data / "val/owl/0.png")

    assert main([str(data), "--fix", "clean"]) == 1

    assert findings(Path("clean"))[0] == 0
    assert "its class has no picture left in train" in Path("clean/manifest.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("target", "says"), [("full", "full is not empty"), ("pets/clean", "lies inside the data set")]
)
def test_a_folder_that_cannot_be_written_to_is_refused(
    data: Path, target: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("full").mkdir()
    Path("full/file").touch()

    assert run_door(main, [str(data), "--fix", target]) == 2

    assert says in capsys.readouterr().err


class Reader(HTMLParser):
    """Collects what a page loads and says."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.tags: list[str] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.mark.parametrize(("lang", "title"), [("en", "Copies across splits"), ("zh", "跨划分的相同文件")])
def test_the_page_shows_pictures_and_names_in_both_languages_and_loads_nothing(
    data: Path, lang: str, title: str
) -> None:
    make("leak", data)
    copy(data / "train/cat/2.png", data / "val/cat/<b>&.png")

    findings(data, "--lang", lang)

    page = Reader(Path("runs/doctor/pets/doctor.html").read_text(encoding="utf-8"))
    assert title in page.words
    assert "test/cat/new.png" in page.words
    assert "val/cat/<b>&.png" in page.words
    assert page.tags.count("img") == 2
    assert all(source.startswith(("data:image/jpeg;base64,", "#")) for source in page.sources)
    assert "script" not in page.tags


def test_every_kind_has_words_in_both_languages() -> None:
    from datazoo.doctor.findings import KINDS
    from datazoo.doctor.words import meaning_of, title_of, words

    assert all(title_of(kind, lang) and meaning_of(kind, lang) for kind in KINDS for lang in ("en", "zh"))
    assert words("en").keys() == words("zh").keys()


def test_the_official_leaks_are_all_named_and_the_clean_copy_passes(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    code, found = findings(shared / "data/garbage26_official", "--fix", "clean", "--fix_by", "symlink")

    assert code == 1
    assert found["leak"]["count"] == 190
    assert found["copy"]["count"] == 33  # 2,563 of 2,593 and 257 of 260 are distinct
    assert findings(tmp_path / "clean")[0] == 0
