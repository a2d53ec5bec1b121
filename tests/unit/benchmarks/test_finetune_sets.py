import argparse
import json
from pathlib import Path

import pytest

from benchmarks.finetune_sets import RECIPES, ROOT, Score, head, measure, row, seeds
from engine.config import load_config


def test_a_row_gives_means_ranges_and_points_over_the_first_way() -> None:
    scores = {"probe": [Score(90, 100, 10.0)] * 2, "full": [Score(93, 100, 400.0), Score(95, 100, 500.0)]}
    assert row("hands", scores) == (
        "| hands | 100 | 90.00 (90.00 to 90.00), 10 CPU-s | 94.00 (93.00 to 95.00), 450 CPU-s | +4.00 |"
    )


def test_the_head_has_a_cell_for_every_cell_of_a_row() -> None:
    scores = {way: [Score(1, 2)] for way in RECIPES}
    names, rule = head(list(RECIPES)).splitlines()
    assert names.count("|") == rule.count("|") == row("x", scores).count("|")


@pytest.mark.parametrize("recipe", RECIPES.values())
def test_every_way_scores_val_before_it_is_trained_on(recipe: str) -> None:
    config = load_config(ROOT / recipe)
    assert config.data.val_split is not None
    assert config.finetune.probe_l2 is None


def test_a_finished_run_is_not_repeated(tmp_path: Path) -> None:
    run = tmp_path / "hands_full-seed1"
    run.mkdir()
    (run / "eval_val.json").write_text(json.dumps({"correct": 7, "n": 8}))
    assert measure(Path("hands.csv"), "full", 1, argparse.Namespace(output=tmp_path)) == Score(7, 8)


def test_only_what_trains_is_repeated() -> None:
    assert {way: len(seeds(way, 3)) for way in RECIPES} == {"probe": 1, "partial": 3, "full": 3}
