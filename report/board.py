"""A finished run's results for TensorBoard: scores, hyperparameters, confusion matrix, wrong pictures."""

from __future__ import annotations

import base64
import io
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from report.comparison_table import markdown_text
from report.confusion_picture import confusion_picture, count_numbered
from report.flat_config import flat_config
from report.kept_pictures import Look, read_kept_pictures
from report.mistakes import class_names
from report.predictions import read_predictions
from report.run_folder import read_run
from report.run_values import Evaluation, Run
from report.wrong_pictures import choose

logger = logging.getLogger(__name__)

# What one tries out; where files are and how often something is logged is no hyperparameter.
_HYPERPARAMETERS = re.compile(
    r"(model|optimizer|schedule|loss|finetune|amp|data\.augmentation)\..*|data\.batch_size|"
    r"data\.preprocessing\.(resize|image_size)|train\.(epochs|seed|ema_decay|ema_warmup|bn_sync|early_stopping\..*)"
)
_NOT_IN_TAGS = re.compile(r"[^-.\w]")
_NO_HYPERPARAMETERS = re.compile(r"finetune\.pretrained|model\.num_classes")


def write_board(run: Path) -> None:
    """Write the results of a finished run into an event file of their own, beside that of its curves.

    Args:
        run: the folder that train.py wrote.

    Raises:
        ReportError: the folder is not a run, or a file in it is damaged.
    """
    from tensorboardX import SummaryWriter  # here: the other pages do without
    from tensorboardX.summary import hparams

    values = read_run(run)
    step = next((e.step for e in values.epochs if e.epoch == values.summary.best_epoch), 0)
    scores = dict(_scores(values))
    for old in run.glob("events.out.tfevents.*.results"):
        old.unlink()
    with SummaryWriter(logdir=str(run), filename_suffix=".results") as board:
        for tag, score in scores.items():
            board.add_scalar(tag, score, step)
        _, begin, end = hparams(dict(_hyperparameters(values.config)), scores)
        # Without an experiment: TensorBoard then joins the keys of all runs, else it takes those of one.
        board.file_writer.add_summary(begin)
        board.file_writer.add_summary(end)
        if shown := values.clean_test or values.val:
            names = class_names(values, shown)
            if shown.confusion:
                matrix = confusion_picture(names, shown.confusion)
                if lacking := count_numbered(names):
                    logger.info(
                        "TensorBoard's confusion matrix calls %d of %d classes by their number, which its text "
                        "`classes` explains: no font here writes them (apt-get install fonts-noto-cjk)",
                        lacking, len(names),
                    )  # fmt: skip
                board.add_image(f"{shown.split}/confusion_matrix", np.asarray(matrix), step, dataformats="HWC")
            numbered = [f"| {number} | {markdown_text(name)} |" for number, name in enumerate(names)]
            board.add_text("classes", "\n".join(["| number | class |", "| --- | --- |", *numbered]), step)
            for tag, picture in _wrong_pictures(values, shown):
                board.add_image(tag, np.asarray(picture), step, dataformats="HWC")


def _scores(run: Run) -> Iterator[tuple[str, float]]:
    """Scores of the best checkpoint, by tag."""
    for evaluation in run.evaluations:
        marks = f"{'_leaking' if evaluation.leaking else ''}{'_chosen_on' if evaluation.chosen_on else ''}"
        name = f"best/{evaluation.split}{marks}"
        measured = {"top1": evaluation.top1, "loss": evaluation.loss, "macro_f1": evaluation.macro_f1}
        yield from ((f"{name}_{key}", value) for key, value in measured.items() if value is not None)


def _hyperparameters(config: Mapping[str, Any]) -> Iterator[tuple[str, str | float | bool]]:
    for key, value in flat_config(config).items():
        if value is None or not _HYPERPARAMETERS.fullmatch(key) or _NO_HYPERPARAMETERS.fullmatch(key):
            continue
        yield key, value if isinstance(value, str | float | int) else str(value)


def _wrong_pictures(run: Run, shown: Evaluation) -> Iterator[tuple[str, Image.Image]]:
    """The surest mistakes, each beside itself under its activation map."""
    kept = read_kept_pictures(run.path, shown.split, shown.sha256)
    for place, wrong in enumerate(choose(read_predictions(run.path, shown.split) or ()).surest, 1):
        look = kept.look(wrong.path)
        if look.image is not None:
            what = f"{place:02}_{wrong.label}_as_{wrong.predicted}_{wrong.confidence:.2f}"
            yield f"{shown.split}_wrong/{_NOT_IN_TAGS.sub('_', what)}", _beside(look)


def _beside(look: Look) -> Image.Image:
    plain = _decoded(look.image).convert("RGB")
    pictures = [plain]
    if look.overlay is not None:
        above = _decoded(look.overlay).convert("RGBA")
        pictures.append(Image.alpha_composite(plain.convert("RGBA"), above).convert("RGB"))
    sheet = Image.new("RGB", (plain.width * len(pictures), plain.height))
    for place, picture in enumerate(pictures):
        sheet.paste(picture, (place * plain.width, 0))
    return sheet


def _decoded(address: str | None) -> Image.Image:
    assert address is not None
    return Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
