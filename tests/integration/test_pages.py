"""The pages in a real browser: wide and narrow, light and dark, in both languages, with and without a Chinese font."""

import csv
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from common.door import run_door
from datazoo.doctor.__main__ import main as doctor
from datazoo.doctor.words import words as doctor_words
from report.compare import write_comparison
from report.page import write_report
from report.words import words
from tests.integration.browser import Browser
from tests.unit.report.conftest import CLASSES, CONFUSION, evaluation_file, make_run, write_json  # noqa: F401 (a fixture)
from tests.unit.report.test_run_checks import EXPORT, with_data

pytestmark = pytest.mark.slow

CLASS_OF_LIES = "banana_peel_with_a_name_that_does_not_end"
LOOKS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]

OVERLAPS = """
(() => {
  const found = [], name = e => `${e.tagName}.${e.className} ${(e.textContent || "").trim().slice(0, 30)}`;
  for (const parent of document.querySelectorAll("main, section, .card, figure, .strip, .cases, .thumbs, dl, tr, td")) {
    const boxes = [...parent.children].filter(e => getComputedStyle(e).position === "static")
      .map(e => [e, e.getBoundingClientRect()]).filter(([, b]) => b.width && b.height);
    boxes.forEach(([a, p], i) => boxes.slice(i + 1).forEach(([b, q]) => {
      const x = Math.min(p.right, q.right) - Math.max(p.left, q.left);
      const y = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
      if (x > 1.5 && y > 1.5) found.push(`${name(a)} | ${name(b)}`);
    }));
  }
  for (const chart of document.querySelectorAll("svg.chart")) {
    const texts = [...chart.querySelectorAll("text:not([transform])")].map(e => [e, e.getBoundingClientRect()]);
    texts.forEach(([a, p], i) => texts.slice(i + 1).forEach(([b, q]) => {
      const x = Math.min(p.right, q.right) - Math.max(p.left, q.left);
      const y = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
      if (x > 2 && y > 4) found.push(`${a.textContent} | ${b.textContent} in ${chart.textContent.slice(0, 40)}`);
    }));
  }
  return found;
})()
"""

# Text that is wider than what holds it, where nothing scrolls.
SPILLS = """
[...document.querySelectorAll("main *")].filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth
    && !(e instanceof SVGElement) && getComputedStyle(e).display !== "inline" && !e.closest(".scroll, .gone"))
  .map(e => `${e.tagName}.${e.className} ${e.textContent.trim().slice(0, 40)}`)
"""

# Text of a chart that its edge cuts off.
CUT = """
[...document.querySelectorAll("svg.chart text")].filter(e => {
  const a = e.getBoundingClientRect(), b = e.closest("svg").getBoundingClientRect();
  return a.left < b.left - 1 || a.right > b.right + 1 || a.top < b.top - 2 || a.bottom > b.bottom + 2;
}).map(e => `${e.closest("svg").querySelector("title").textContent}: ${e.textContent}`)
"""

# Tables of which one sees the first column alone.
FIRST_COLUMN_ALONE = """
[...document.querySelectorAll("table")].filter(e => e.rows[0].cells.length > 1 && e.offsetParent).filter(e => {
  const second = e.rows[0].cells[1].getBoundingClientRect(), shown = e.closest(".card").getBoundingClientRect();
  return second.left > shown.right - 40;
}).map(e => e.textContent.trim().slice(0, 60))
"""

# Contrast ratio of WCAG 2.1, the lowest over all texts that are shown.
LOWEST_CONTRAST = """
(() => {
  const rgb = c => c.match(/[0-9.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const texts = "h1, h2, h3, p, td, th, dt, dd, li, label, a, pre, small, figcaption, .badge, summary";
  return Math.min(...[...document.querySelectorAll(texts)]
    .filter(e => e.textContent.trim() && e.offsetParent).map(e => {
      const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))];
      return (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    }));
})()
"""


def fonts_only(folder: Path, *files: Path) -> dict[str, str]:
    """Let a program see these fonts and no others."""
    (folder / "fonts").mkdir(parents=True)
    for file in files:
        (folder / "fonts" / file.name).symlink_to(file)
    (folder / "fonts.conf").write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">'
        f"<fontconfig><dir>{folder / 'fonts'}</dir><cachedir>{folder / 'cache'}</cachedir></fontconfig>"
    )
    return {"FONTCONFIG_FILE": str(folder / "fonts.conf")}


def ask_fontconfig(*query: str) -> str:
    if shutil.which(query[0]) is None:
        pytest.skip(f"{query[0]} (fontconfig) is not installed")
    return subprocess.run(query, capture_output=True, text=True, check=True).stdout


def font_files(*query: str) -> list[Path]:
    return [Path(line.rstrip(": ")) for line in ask_fontconfig(*query).splitlines() if line]


@pytest.fixture(scope="module", params=["with a Chinese font", "without one"])
def browser(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    fonts = font_files("fc-match", "-f", "%{file}\n", "DejaVu Sans:lang=en")[:1]
    if request.param == "with a Chinese font":
        chinese = font_files("fc-list", ":lang=zh-cn", "file")
        if not chinese:
            pytest.skip("no Chinese font is installed (fonts-noto-cjk)")
        fonts += chinese
    with Browser(fonts_only(tmp_path_factory.mktemp("fonts"), *fonts)) as browser:
        yield browser


def draw(path: Path, seed: int, size: tuple[int, int] = (60, 40)) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    Image.fromarray(noise).resize(size).save(path)
    return str(path)


@pytest.fixture
def run(make_run: Callable[..., Path], tmp_path: Path) -> Path:  # noqa: F811
    """A run whose wrong pictures are there; two of its classes have names that are hard to set."""
    folder, classes = make_run(name="my_photos_with_a_rather_long_name", folder="long"), CLASSES
    with (folder / "predictions_test.csv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["path", "label", "predicted", "confidence"])
        for row, counts in enumerate(CONFUSION):
            for column, count in enumerate(counts):
                for index in range(count):
                    path = draw(tmp_path / "pictures" / f"IMG_20240102_{row}{column}{index}_a_long_name.jpg", index)
                    table.writerow([path, classes[row], classes[column], f"{0.5 + 0.01 * index:.2f}"])
    keep(folder, tmp_path / "pictures")
    write_json(folder / "export.json", EXPORT | {"sha256": "cd" * 32})
    findings = [
        {"kind": "unreadable", "split": "train", "count": 2},
        {"kind": "copies", "split": "test", "count": 190, "of": "train"},
    ]
    return with_data(folder, findings)


def keep(run: Path, pictures: Path) -> None:
    """Keep copies and activation maps of half of the pictures, as a run does."""
    (run / "wrong_pictures").mkdir()
    kept = []
    for place, path in enumerate(sorted(pictures.iterdir())[::2]):
        name = f"wrong_pictures/test_{place}.jpg"
        shutil.copy(path, run / name)
        activation = {"rows": [[1.0, 0.2], [-1.0, 0.4]], "bias": 0.1, "seen": [0.2, 0.1, 0.8, 0.9]}
        kept.append({"path": str(path), "thumbnail": name, "map": activation})
    content = {"split": "test", "sha256": "ab" * 32, "exact": True, "pictures": kept}
    write_json(run / "wrong_pictures_test.json", content)


@pytest.fixture
def examined(tmp_path: Path) -> Path:
    """A data set with copies, a lying label, a broken, a tiny and a stray file, and Chinese names."""
    root = tmp_path / "数据"
    for split, count in (("train", 6), ("test", 3)):
        for place, name in enumerate(("纸板", CLASS_OF_LIES)):
            for index in range(count):
                draw(root / split / name / f"{split}_{index}.png", 100 * place + index + (50 if split == "test" else 0))
    shutil.copy(root / "train" / "纸板" / "train_0.png", root / "test" / "纸板" / "copy_of_a_training_picture.png")
    shutil.copy(root / "train" / "纸板" / "train_1.png", root / "train" / CLASS_OF_LIES / "other.png")
    (root / "train" / "纸板" / "broken.png").write_bytes(b"no picture")
    (root / "train" / "readme.txt").write_text("stray")
    draw(root / "train" / "纸板" / "tiny.png", 999, (8, 8))
    return root


def assert_well_set(browser: Browser, page: Path, width: int, scheme: str, pictures: bool = True) -> None:
    browser.look(width, scheme)
    browser.open(page.as_uri())
    browser.value("document.querySelectorAll('details').forEach(e => e.open = true)")
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.value(SPILLS) == []
    assert browser.value(OVERLAPS) == []
    assert browser.value(CUT) == []
    assert browser.value(FIRST_COLUMN_ALONE) == []
    assert (browser.value("document.querySelectorAll('img').length") > 0) == pictures
    assert browser.value("[...document.images].every(i => i.loading === 'lazy' || i.naturalWidth > 0)")
    assert browser.value(LOWEST_CONTRAST) >= 4.5
    assert [url for url in browser.requests if not url.startswith(("file:", "data:"))] == []
    assert not browser.errors


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_report_is_well_set(browser: Browser, run: Path, lang: str) -> None:
    page = write_report(run, "zh" if lang == "zh" else "en")

    for width, scheme in LOOKS:
        assert_well_set(browser, page, width, scheme)


def test_a_report_of_1000_classes_is_well_set(browser: Browser, make_run: Callable[..., Path]) -> None:  # noqa: F811
    names = [f"n{index:08d} a synset with a long name" for index in range(1000)]
    counts = np.diag(np.full(1000, 35)) + np.diag(np.full(999, 15), 1)
    page = write_report(make_run(classes=names, evaluations=[evaluation_file("test", counts.tolist(), names)]))

    for width, scheme in LOOKS:
        assert_well_set(browser, page, width, scheme, pictures=False)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_doctors_page_is_well_set(browser: Browser, examined: Path, tmp_path: Path, lang: str) -> None:
    run_door(doctor, [str(examined), "--lang", lang, "--output", str(tmp_path / "out")])

    for width, scheme in LOOKS:
        assert_well_set(browser, tmp_path / "out" / "doctor.html", width, scheme)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_comparison_is_well_set(
    browser: Browser,
    run: Path,
    make_run: Callable[..., Path],  # noqa: F811
    tmp_path: Path,
    lang: str,
) -> None:
    other = make_run(name="full", config={"optimizer": {"name": "adamw", "lr": 0.001}})
    shutil.copy(run / "predictions_test.csv", other / "predictions_test.csv")
    write_report(run)
    unfinished = make_run(name="stopped", state="stopped")
    write_comparison([run, other, unfinished], tmp_path / "out", "zh" if lang == "zh" else "en")

    for width, scheme in LOOKS:
        assert_well_set(browser, tmp_path / "out" / "comparison.html", width, scheme, pictures=False)


def test_activation_maps_lie_on_their_pictures_and_can_be_switched_off(browser: Browser, run: Path) -> None:
    browser.look(1280, "light")
    browser.open(write_report(run).as_uri())
    apart = """[...document.querySelectorAll(".look")].filter(e => e.querySelector(".map")).map(e => {
      const [a, b] = [...e.querySelectorAll("img")].map(i => i.getBoundingClientRect());
      return Math.max(...["left", "right", "top", "bottom"].map(side => Math.abs(a[side] - b[side])));
    })"""

    assert browser.value(f"{apart}.length") > 0
    assert max(browser.value(apart)) < 1
    shown = "[...document.querySelectorAll('.map')].filter(e => getComputedStyle(e).display !== 'none').length"
    assert browser.value(shown) > 0
    browser.value("document.querySelector('label[for=maps]').click()")
    assert browser.value(shown) == 0


def test_a_dark_system_gets_a_dark_page(browser: Browser, run: Path) -> None:
    page = write_report(run).as_uri()
    grounds = []
    for scheme in ("light", "dark"):
        browser.look(1280, scheme)
        browser.open(page)
        grounds.append(browser.value("getComputedStyle(document.body).backgroundColor"))

    assert grounds == ["rgb(246, 247, 249)", "rgb(15, 18, 22)"]


@pytest.mark.parametrize("width", [1280, 390])
def test_a_cell_of_the_matrix_leads_to_its_pictures(browser: Browser, run: Path, width: int) -> None:
    browser.look(width, "light")
    page = write_report(run).as_uri()
    browser.open(page)
    targets = browser.value("[...document.querySelectorAll('svg a')].map(a => a.getAttribute('href'))")
    pairs = {f"#pair-{i}-{j}" for i, row in enumerate(CONFUSION) for j, count in enumerate(row) if count and i != j}
    assert set(targets) == pairs

    for target in targets:
        browser.open(f"{page}?{target[1:]}")
        browser.value(f"document.querySelector('svg a[href=\"{target}\"]').dispatchEvent(new MouseEvent('click'))")
        shown = f"document.querySelector('{target} img')"
        browser.wait_for(f"{shown}.naturalWidth > 0")
        browser.wait_for(f"(b => b.top >= 0 && b.bottom <= innerHeight)({shown}.getBoundingClientRect())")


def covered(*fonts: Path) -> set[int]:
    """The characters that fonts have glyphs for."""
    ranges = ask_fontconfig("fc-query", "-f", "%{charset} ", *map(str, fonts)).split()
    ends = [[int(end, 16) for end in (part.split("-") * 2)[:2]] for part in ranges]
    return {code for first, last in ends for code in range(first, last + 1)}


@pytest.mark.parametrize("said", [words, doctor_words], ids=["reports", "doctor"])
def test_every_character_of_a_page_has_a_glyph(said: Callable[[Any], Mapping[str, str]]) -> None:
    latin = font_files("fc-match", "-f", "%{file}\n", "DejaVu Sans:lang=en")[:1]
    chinese = font_files("fc-list", ":lang=zh-cn", "file")
    if not chinese:
        pytest.skip("no Chinese font is installed (fonts-noto-cjk)")

    without_glyph = {
        lang: set(map(ord, "".join(said(lang).values()))) - covered(*fonts) - {ord("\n")}
        for lang, fonts in (("en", latin), ("zh", [*latin, *chinese]))
    }

    assert without_glyph == {"en": set(), "zh": set()}


def test_chinese_is_drawn_by_a_font_that_has_it(run: Path, tmp_path: Path) -> None:
    chinese = font_files("fc-list", ":lang=zh-cn", "file")
    if not chinese:
        pytest.skip("no Chinese font is installed (fonts-noto-cjk)")
    latin = font_files("fc-match", "-f", "%{file}\n", "DejaVu Sans:lang=en")[:1]
    with Browser(fonts_only(tmp_path / "own", *latin, *chinese)) as browser:
        browser.open(write_report(run, "zh").as_uri())

        fonts = browser.fonts_of("h2")

        assert browser.value("document.querySelector('h2').textContent") == words("zh")["curves"]
        assert fonts
        assert "DejaVu Sans" not in fonts
