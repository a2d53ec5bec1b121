from __future__ import annotations

import base64
import io
import math
from itertools import pairwise
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from report.bar_chart import Bar, bar_chart
from report.confusion_matrix import confusion_matrix
from report.line_chart import MAX_POINTS, Band, Series, line_chart, thin_out
from report.markup import to_text
from report.svg import nice_ticks, shorten, text_width, tick_text

FINITE = st.floats(-1e9, 1e9, allow_nan=False)


def parsed(chart: Element | None) -> Element:
    assert chart is not None
    return ElementTree.fromstring(to_text(chart))


def found(root: Element, tag: str, class_: str) -> list[Element]:
    tagged = root.iter(f"{{http://www.w3.org/2000/svg}}{tag}")
    return [node for node in tagged if class_ in (node.get("class") or "").split()]


def texts(root: Element, class_: str) -> list[str]:
    return [node.text or "" for node in found(root, "text", class_)]


@given(FINITE, FINITE)
@example(0.0, 5e-324)
@example(1e-310, 2e-310)
@example(1e9, 1e9 + 1.2e-7)
def test_ticks_cover_the_values_in_equal_steps(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    ticks = nice_ticks(low, high)
    steps = [after - before for before, after in pairwise(ticks)]
    slack = 1e-6 * max(abs(low), abs(high), steps[0])
    assert ticks[0] <= low + slack
    assert ticks[-1] >= high - slack
    assert 2 <= len(ticks) <= 9
    assert steps == pytest.approx([steps[0]] * len(steps), rel=1e-3)


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.25, "0.25"), (2e-4, "2e-4"), (1500, "1500"), (12000, "12k"), (2_500_000, "2,500k")]
)
def test_tick_texts_are_short(value: float, text: str) -> None:
    assert tick_text(value) == text


def test_chinese_characters_are_twice_as_wide() -> None:
    assert text_width("纸板") == pytest.approx(24)
    assert shorten("纸板纸板纸板", 40) == "纸板…"
    assert shorten("short", 400) == "short"


def test_points_lie_where_their_values_say() -> None:
    chart = parsed(line_chart("t", [Series("a", ((0.0, 0.0), (5.0, 50.0), (10.0, 100.0)))], x_label="x"))
    (curve,) = found(chart, "polyline", "series")
    (x0, y0), (x1, y1), (x2, y2) = (map(float, pair.split(",")) for pair in str(curve.get("points")).split())
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.11)
    assert y0 - y1 == pytest.approx(y1 - y2, abs=0.11)
    assert y0 > y2  # larger values stand higher


def test_a_single_epoch_has_a_single_tick() -> None:
    chart = parsed(line_chart("t", [Series("a", ((3.0, 0.5),))], x_label="epoch"))

    bottom = max(float(node.get("y", 0)) for node in found(chart, "text", "tick"))
    assert [node.text for node in found(chart, "text", "tick") if float(node.get("y", 0)) == bottom] == ["3"]


def test_what_stands_in_a_chart_is_drawn_over_its_curves() -> None:
    series = [Series("a", ((0.0, 1.0), (9.0, 2.0)))]
    bands = [Band("training", 0, 9)]
    chart = parsed(line_chart("t", series, x_label="x", x_mark=(5.0, "best"), bands=bands))

    order = list(chart)
    (curve,) = found(chart, "polyline", "series")
    assert [text.text for text in found(chart, "text", "over")] == ["training", "best"]
    assert all(order.index(text) > order.index(curve) for text in found(chart, "text", "over"))


def test_a_missing_value_breaks_the_line() -> None:
    points = ((0.0, 1.0), (1.0, 2.0), (2.0, None), (3.0, 2.0), (4.0, 1.0))
    assert len(found(parsed(line_chart("t", [Series("a", points)], x_label="x")), "polyline", "series")) == 2


def test_nothing_measured_draws_nothing() -> None:
    assert line_chart("t", [Series("a", ((0.0, None),))], x_label="x") is None
    assert bar_chart("t", []) is None


def test_several_series_have_a_legend_and_their_last_values() -> None:
    series = [Series("train", ((0, 1), (1, 2))), Series("val", ((0, 1), (1, 3)), 1)]
    chart = parsed(line_chart("t", series, x_label="epoch"))
    assert texts(chart, "label") == ["train", "val", "epoch"]
    assert sorted(texts(chart, "value")) == ["2", "3"]


def test_long_series_keep_their_spikes() -> None:
    points = [(float(i), math.sin(i / 900)) for i in range(20_000)]
    points[12_345] = (12_345.0, 50.0)
    kept = thin_out(points)
    assert len(kept) <= MAX_POINTS + 2
    assert (12_345.0, 50.0) in kept
    assert kept == sorted(kept)


def test_bars_are_as_long_as_their_shares() -> None:
    chart = parsed(bar_chart("t", [Bar("half", 0.5, (0.4, 0.6)), Bar("all", 1.0, doubtful=True)]))
    half, whole = found(chart, "rect", "bar")
    assert float(whole.get("width", 0)) == pytest.approx(2 * float(half.get("width", 0)), abs=0.02)
    assert "doubtful" in str(whole.get("class"))
    assert texts(chart, "value") == ["50.0 %", "100.0 %"]


def test_a_zoomed_axis_draws_dots_and_no_bars() -> None:
    chart = parsed(bar_chart("t", [Bar("a", 0.81, (0.78, 0.84), (0.80, 0.82))], zoom=True))
    assert not found(chart, "rect", "bar")
    assert len(found(chart, "circle", "seed")) == 2


def test_confusion_matrix_shows_counts_of_hits_and_mistakes() -> None:
    chart = parsed(confusion_matrix(["猫", "dog"], [[3, 1], [0, 5]]))
    assert len(found(chart, "rect", "hit")) == 2
    (mistake,) = found(chart, "rect", "miss")
    assert mistake[0].text == "猫 → dog: 1 (25% of the row)"
    assert float(mistake.get("fill-opacity", 0)) == pytest.approx(0.15 + 0.85 / 4, abs=6e-3)


def test_a_confusion_matrix_of_many_classes_is_a_point_for_every_cell() -> None:
    counts = np.diag(np.full(150, 4))
    counts[3, 140] = 4

    chart = parsed(confusion_matrix([f"class {i}" for i in range(150)], counts.tolist()))

    (image,) = (node for node in chart.iter() if node.tag.endswith("image"))
    address = next(value for name, value in image.attrib.items() if name.endswith("href"))
    points = np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGBA")).astype(int)
    assert points.shape == (150, 150, 4)
    assert np.array_equal(points[..., 3] > 0, counts > 0)
    assert (points[5, 5, 2] > points[5, 5, 0], points[3, 140, 0] > points[3, 140, 2]) == (True, True)
    assert points[5, 5, 3] > points[3, 3, 3]  # all of a row is darker than half of one


def test_confusion_matrix_refuses_names_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="3 class names for a confusion matrix of 2 rows"):
        confusion_matrix(["a", "b", "c"], [[1, 0], [0, 1]])


@given(st.text(max_size=30))
def test_any_text_gives_valid_xml(name: str) -> None:
    parsed(line_chart(name, [Series(name, ((0, 1),)), Series(name, ((1, 1),))], x_label=name))
    parsed(bar_chart(name, [Bar(name, 0.5)]))
    parsed(confusion_matrix([name], [[1]]))


@given(st.lists(st.tuples(FINITE, st.none() | FINITE), max_size=20))
def test_any_numbers_give_finite_coordinates(points: list[tuple[float, float | None]]) -> None:
    chart = line_chart("t", [Series("a", tuple(sorted(points, key=lambda p: p[0])))], x_label="x")
    if chart is not None:
        assert not {"nan", "inf", "-inf"} & set(to_text(parsed(chart)).replace('"', " ").replace(",", " ").split())
