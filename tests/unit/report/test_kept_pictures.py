"""Kept copies of wrong pictures, and the activation maps over them."""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from common.errors import ReportError
from report.activation_map import ActivationMap, overlay
from report.kept_pictures import read_kept_pictures
from report.page import write_report
from report.predictions import Prediction
from report.words import words
from tests.unit.report.test_wrong_pictures import write

MIDDLE = (0.25, 0.0, 0.75, 1.0)
MAP = {"rows": [[0.0, -1.0], [2.0, 4.0]], "bias": 0.1, "seen": MIDDLE}


def opacity(address: str) -> np.ndarray:
    picture = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
    return np.asarray(picture.convert("RGBA"))[..., 3]


def keep(run: Path, exact: bool = True, sha256: str = "ab" * 32, activation: Any = MAP) -> None:
    (run / "wrong_pictures").mkdir(exist_ok=True)
    Image.new("RGB", (80, 40), "gray").save(run / "wrong_pictures" / "test_0.jpg")
    one = {"path": "/gone.jpg", "thumbnail": "wrong_pictures/test_0.jpg"} | ({"map": activation} if exact else {})
    content = {"split": "test", "sha256": sha256, "exact": exact, "pictures": [one]}
    (run / "wrong_pictures_test.json").write_text(json.dumps(content), encoding="utf-8")
    write(run, [Prediction("/gone.jpg", "Cans", "Seashell", 0.9)])


def test_what_spoke_for_the_class_is_opaque_where_the_network_saw_it() -> None:
    seen = opacity(overlay(ActivationMap.from_json(MAP), (80, 40)))

    assert seen.shape == (40, 80)
    assert not seen[:, :20].any()  # what the network did not see
    assert not seen[:, 60:].any()
    assert not seen[:8, 20:60].any()  # what spoke for nothing, or against it
    assert seen[35, 55] > seen[35, 25] > 0
    assert seen[35, 55] == seen.max()


def test_a_map_of_a_picture_with_a_border_is_cut_at_the_picture() -> None:
    bordered = ActivationMap(((1.0,),), (-0.5, -0.5, 1.5, 1.5))

    assert (opacity(overlay(bordered, (30, 20))) > 100).all()


def test_where_nothing_spoke_for_the_class_nothing_is_shown() -> None:
    assert not opacity(overlay(ActivationMap(((-1.0, -2.0),), (0.0, 0.0, 1.0, 1.0)), (30, 20))).any()


def test_the_page_shows_maps_that_can_be_switched_off_without_a_script(make_run: Callable[..., Path]) -> None:
    run = make_run()
    keep(run)

    page = write_report(run).read_text(encoding="utf-8")

    assert page.count('<img class="map"') == 2  # among the surest, and in its pair
    assert '<input type="checkbox" id="maps" checked>' in page
    assert "<script" not in page
    assert words()["no_activation_maps"] not in page


def test_the_page_says_where_a_network_has_no_exact_maps(make_run: Callable[..., Path]) -> None:
    run = make_run()
    keep(run, exact=False)

    page = write_report(run).read_text(encoding="utf-8")

    assert words()["no_activation_maps"] in page
    assert '<input type="checkbox"' not in page
    assert '<img src="data:image/jpeg' in page


def test_pictures_of_another_evaluation_are_left_alone(make_run: Callable[..., Path]) -> None:
    run = make_run()
    keep(run, sha256="cd" * 32)

    page = write_report(run).read_text(encoding="utf-8")

    assert "<img" not in page
    assert "1 files are not where they were" in page


@pytest.mark.parametrize(
    "activation",
    [
        {"rows": [[1.0], [1.0, 2.0]], "seen": MIDDLE},
        {"rows": [], "seen": MIDDLE},
        {"rows": [[float("nan")]], "seen": MIDDLE},
        {"rows": [[1.0]], "seen": (0.5, 0, 0.5, 1)},
        {"rows": [[1.0]], "seen": (-1e9, 0, 1e9, 1)},
        {"rows": [[1.0]]},
        [1.0],
    ],
)
def test_a_damaged_map_is_named(make_run: Callable[..., Path], activation: Any) -> None:
    run = make_run()
    keep(run, activation=activation)

    with pytest.raises(ReportError, match=r"wrong_pictures_test.json: damaged"):
        read_kept_pictures(run, "test", "ab" * 32)
