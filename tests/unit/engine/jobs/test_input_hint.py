"""A hint names what this run can do about input that it waits for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from datazoo.pictures import PictureSet
from engine.config.schema import Config
from engine.jobs.input_hint import input_hint
from engine.run.time_budget import TimeBudget

CROPS = {"random_resized_crop": True}


def recipe(finetune: dict[str, Any] | None = None, **data: Any) -> Config:
    return Config.model_validate({"model": {"name": "mobilenetv2"}, "data": data, "finetune": finetune or {}})


def files(side: int, count: int = 1000) -> PictureSet:
    names = [f"{index}.jpg" for index in range(count)]
    return PictureSet("train", ("a", "b"), np.zeros(count, np.int32), paths=names, sizes=np.full((count, 2), side))  # type: ignore[arg-type]


IN_MEMORY = PictureSet("train", ("a", "b"), np.zeros(2, np.int32), arrays=np.zeros((2, 8, 8, 3), np.uint8))


def hint(config: Config, pictures: PictureSet, waited: float = 5.0, steps: int = 100) -> str | None:
    return input_hint(TimeBudget(0, 0, waited, 10 - waited, 0, 0, 0), steps, config, pictures, cores=4)


@pytest.mark.parametrize(("waited", "told"), [(1.0, False), (1.2, True)])
def test_a_hint_comes_above_a_tenth(waited: float, told: bool) -> None:
    found = hint(recipe(augmentation={"rotation": 9}), IN_MEMORY, waited)

    assert (found or "").startswith("hint: training waited for input in 12% of the time: ") == told


def test_a_step_of_a_few_milliseconds_waits_for_nothing_that_can_be_changed() -> None:
    assert hint(recipe(augmentation={"rotation": 9}), IN_MEMORY, steps=1001) is None


@pytest.mark.parametrize(
    ("config", "pictures"),
    [
        (recipe(), IN_MEMORY),
        (recipe(augmentation=CROPS), files(200)),
        (recipe(finetune={"freeze_layer": "backbone"}, features={"enabled": True}), files(200)),
    ],
    ids=["in memory", "kept and small", "cached features"],
)
def test_where_nothing_can_be_done_nothing_is_said(config: Config, pictures: PictureSet) -> None:
    assert hint(config, pictures) is None


@pytest.mark.parametrize(
    ("config", "pictures", "remedy"),
    [
        (recipe(augmentation={"rotation": 9, "shift": 1}), IN_MEMORY,
         "draw less in data.augmentation (rotation, shift)"),
        (recipe(workers=2), IN_MEMORY, "raise data.workers (2; there are 4 cores)"),
        (
            recipe(finetune={"freeze_layer": "backbone"}),
            IN_MEMORY,
            "set data.features.enabled: what frozen layers make of a picture is then computed once",
        ),
        (
            recipe(augmentation=CROPS, decoded_cache="off"),
            files(200),
            "set data.decoded_cache auto: decoded pictures are then kept for the next epochs",
        ),
        (
            recipe(augmentation=CROPS, decoded_cache_gb=0.1),
            files(200),
            "raise data.decoded_cache_gb (0.1; decoded pictures take 0.1)",
        ),
        (
            recipe(augmentation=CROPS),
            files(1000),
            "set data.augmentation.reduce_to 448: 100% of the pictures are larger",
        ),
    ],
)  # fmt: skip
def test_what_this_run_can_do_is_said_and_nothing_else(config: Config, pictures: PictureSet, remedy: str) -> None:
    assert hint(config, pictures) == f"hint: training waited for input in 50% of the time: {remedy}"


def test_several_remedies_are_set_apart() -> None:
    found = hint(recipe(augmentation={"randaugment": 2}, workers=1), IN_MEMORY)

    assert found is not None
    assert found.endswith("raise data.workers (1; there are 4 cores); or draw less in data.augmentation (randaugment)")
