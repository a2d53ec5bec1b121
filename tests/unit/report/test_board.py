"""What TensorBoard's own readers find of a finished run's results."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tensorboard import context
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import api_pb2, backend_context, get_experiment, list_session_groups

from report import fonts
from report.board import write_board
from report.confusion_picture import confusion_picture
from report.page import write_report
from tests.unit.report.conftest import CLASSES, CONFUSION
from tests.unit.report.test_kept_pictures import keep

MakeRun = Callable[..., Path]


def events(run: Path) -> EventAccumulator:
    write_board(run)
    return EventAccumulator(str(run)).Reload()


def sessions(folder: Path) -> tuple[set[str], dict[str, Any]]:
    """Names of all hyperparameters, and every run's session, as the HParams page asks for them."""
    runs = EventMultiplexer().AddRunsFromDirectory(str(folder))
    runs.Reload()
    backend = backend_context.Context(TBContext(data_provider=MultiplexerDataProvider(runs, str(folder))))
    asked = context.RequestContext()
    experiment = get_experiment.Handler(asked, backend, "", api_pb2.GetExperimentRequest()).run()
    request = api_pb2.ListSessionGroupsRequest(start_index=0, slice_size=10, allowed_statuses=[api_pb2.STATUS_SUCCESS])
    found = list_session_groups.Handler(asked, backend, "", request).run()
    return {info.name for info in experiment.hparam_infos}, {
        group.sessions[0].name: group for group in found.session_groups
    }


def test_the_scores_of_the_best_checkpoint_stand_at_its_step(make_run: MakeRun) -> None:
    read = events(make_run())

    assert [(e.step, e.value) for e in read.Scalars("best/test_top1")] == [(50, pytest.approx(0.8))]
    assert {"best/val_top1", "best/test_loss", "best/test_macro_f1"} <= set(read.Tags()["scalars"])


def test_a_leaking_score_says_so(make_run: MakeRun, evaluation: Callable[..., Any]) -> None:
    read = events(make_run(evaluations=[evaluation("val"), evaluation("test", leaking=True)]))

    assert "best/test_leaking_top1" in read.Tags()["scalars"]
    assert "best/test_top1" not in read.Tags()["scalars"]


def test_a_score_that_chose_its_checkpoint_says_so(make_run: MakeRun, evaluation: Callable[..., Any]) -> None:
    read = events(make_run(evaluations=[evaluation("val"), evaluation("test") | {"chosen_on": True}]))

    assert "best/test_chosen_on_top1" in read.Tags()["scalars"]
    assert "best/test_top1" not in read.Tags()["scalars"]


def test_the_hparams_page_shows_what_was_tried_and_what_came_of_it(make_run: MakeRun, tmp_path: Path) -> None:
    write_board(make_run("head"))
    write_board(make_run("full", config={"optimizer": {"name": "adamw", "lr": 0.5, "betas": [0.9, 0.99]}}))

    names, groups = sessions(tmp_path)

    assert {"optimizer.name", "optimizer.lr", "optimizer.betas", "model.name", "train.epochs"} <= names
    assert not {"output_dir", "data.path", "name"} & names
    tried = {name: group.hparams["optimizer.lr"].number_value for name, group in groups.items()}
    assert tried == {"head-seed0": 0.01, "full-seed0": 0.5}
    metrics = {metric.name.tag: metric.value for metric in groups["head-seed0"].metric_values}
    assert metrics["best/test_top1"] == pytest.approx(0.8)


def test_the_confusion_matrix_is_a_picture(make_run: MakeRun) -> None:
    (shown,) = events(make_run()).Images("test/confusion_matrix")

    with Image.open(io.BytesIO(shown.encoded_image_string)) as picture:
        assert np.array_equal(np.asarray(picture), np.asarray(confusion_picture(CLASSES, CONFUSION)))


def test_a_wrong_picture_stands_beside_itself_under_its_map(make_run: MakeRun) -> None:
    run = make_run()
    keep(run)

    (shown,) = events(run).Images("test_wrong/01_Cans_as_Seashell_0.90")

    with Image.open(io.BytesIO(shown.encoded_image_string)) as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == (40, 160, 3)
    assert np.ptp(pixels[:, :80]) < 8  # the gray picture
    assert np.ptp(pixels[:, 80:]) > 50


def test_results_that_are_written_again_replace_the_older_ones(make_run: MakeRun) -> None:
    run = make_run()
    write_board(run)

    assert len(events(run).Scalars("best/test_top1")) == 1


def test_a_run_of_which_nothing_is_known_writes_no_scores(make_run: MakeRun) -> None:
    assert not any(tag.startswith("best/") for tag in events(make_run(evaluations=[])).Tags()["scalars"])


@pytest.mark.parametrize("size", [2, 60, 61, 1000])
def test_every_count_has_its_cell(size: int) -> None:
    counts = np.eye(size, dtype=int)
    counts[0, -1] = 3

    picture = np.asarray(confusion_picture([f"c{i}" for i in range(size)], counts.tolist())).astype(int)

    blue, orange = picture[..., 2] - picture[..., 0] > 60, picture[..., 0] - picture[..., 2] > 40
    assert orange.any()
    assert len(np.unique(np.nonzero(blue)[0])) >= size - 1
    assert np.nonzero(orange)[1].min() > picture.shape[1] / 2
    assert max(picture.shape) < 1700


def with_name(name: str) -> np.ndarray:
    return np.asarray(confusion_picture(["a", name], ((1, 0), (0, 1))))


@pytest.fixture
def no_chinese_font(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_CHINESE", ())
    fonts._chinese_font.cache_clear()


def test_a_chinese_name_is_written_where_a_font_can() -> None:
    if fonts.font_that_writes("纸板", 12) is None:
        pytest.skip("no Chinese font is installed (fonts-noto-cjk)")

    assert with_name("纸板").shape[0] > with_name("1").shape[0]
    assert not np.array_equal(with_name("纸板"), with_name("木板"))


@pytest.mark.usefixtures("no_chinese_font")
def test_a_name_that_no_font_can_write_is_a_number_and_a_line_says_so(
    make_run: MakeRun, caplog: pytest.LogCaptureFixture
) -> None:
    assert np.array_equal(with_name("纸板"), with_name("1"))

    with caplog.at_level("INFO"):
        write_board(make_run())

    assert "calls 1 of 4 classes by their number" in caplog.text
    assert (
        "| 2 | 纸板 \\<b\\>& |"
        in events(make_run("again")).Tensors("classes/text_summary")[0].tensor_proto.string_val[0].decode()
    )


@pytest.mark.parametrize("name", ["a\nb", "\U0010ffff"])
def test_what_no_font_has_is_not_drawn_as_boxes(name: str) -> None:
    assert fonts.font_that_writes(name, 12) is None


def test_what_a_run_lacks_is_said_once(make_run: MakeRun, caplog: pytest.LogCaptureFixture) -> None:
    run = make_run()
    (run / "resources.jsonl").unlink()

    write_board(run)  # as train.py does
    write_report(run)

    assert [message for message in caplog.messages if "resources.jsonl is missing" in message] == [
        f"{run}: resources.jsonl is missing"
    ]
