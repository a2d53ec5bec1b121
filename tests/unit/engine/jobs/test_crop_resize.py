"""Who resizes random crops, and that it is said."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from datazoo.pipeline.spec import AugmentationConfig
from datazoo.pipeline.window import resize_by_pillow
from engine.jobs import crop_resize as chosen
from engine.jobs.crop_resize import crop_resize
from kernels.build import KernelsUnavailable

CROPS = AugmentationConfig(random_resized_crop=True)


def no_compiler() -> Path:
    raise KernelsUnavailable("no C++ compiler")


@pytest.mark.parametrize(("kernels", "reason"), [(False, "runtime.kernels is false"), (True, "no C++ compiler")])
def test_without_kernels_pillow_resizes_and_it_is_said(
    kernels: bool, reason: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(chosen, "library", no_compiler)

    with caplog.at_level(logging.INFO, "engine"):
        assert crop_resize(CROPS, kernels) is resize_by_pillow

    assert caplog.messages == [f"random crops are resized by Pillow: {reason}"]


def test_without_random_crops_nothing_is_compiled(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(chosen, "library", no_compiler)

    assert crop_resize(AugmentationConfig(horizontal_flip=0.5), True) is resize_by_pillow
    assert caplog.messages == []
