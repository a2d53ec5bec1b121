"""What a device does not have is refused; what an Ascend is told is checked without one."""

from __future__ import annotations

import mindspore as ms
import pytest
from mindspore import nn

from common.errors import ConfigError, RuntimeUnavailableError
from engine.config import load_config
from engine.config.runtime_section import RuntimeConfig
from engine.runtime.compute import prepare_compute, use_jit_level
from engine.runtime.environment import prepare_environment


@pytest.mark.parametrize("level", ["O1", "O2"])
def test_a_cpu_refuses_fused_kernels_and_the_graph_engine(level: str) -> None:
    with pytest.raises(RuntimeUnavailableError, match=f"runtime.jit_level {level}.*ascend: section"):
        prepare_compute(RuntimeConfig(jit_level=level), "CPU")


def test_what_a_cpu_does_anyway_is_no_error_and_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        prepare_compute(RuntimeConfig(jit_level="O0", deterministic=True), "CPU")

    assert "a CPU computes so anyway" in caplog.text


@pytest.mark.parametrize("users", [None, "strict", "true", "false"])
def test_an_ascend_is_made_deterministic_and_an_other_wish_of_the_environment_is_named(
    users: str | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[bool] = []
    monkeypatch.setattr(ms, "set_deterministic", calls.append)
    monkeypatch.delenv("HCCL_DETERMINISTIC", raising=False)
    if users is not None:
        monkeypatch.setenv("HCCL_DETERMINISTIC", users)

    prepare_compute(RuntimeConfig(deterministic=True), "Ascend")

    assert calls == [True]
    assert ("HCCL_DETERMINISTIC=false becomes true" in caplog.text) == (users == "false")


def test_an_ascend_that_is_not_asked_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ms, "set_deterministic", lambda _: pytest.fail("was not asked for"))

    prepare_compute(RuntimeConfig(jit_level="O1"), "Ascend")


def test_a_deprecated_level_is_said(caplog: pytest.LogCaptureFixture) -> None:
    prepare_compute(RuntimeConfig(jit_level="O2"), "Ascend")

    assert "jit_level O2: deprecated" in caplog.text


@pytest.mark.parametrize(("level", "found"), [("O1", "O1"), (None, None)])
def test_the_cell_is_compiled_at_the_recipes_level(level: str | None, found: str | None) -> None:
    cell = nn.Cell()

    use_jit_level(cell, RuntimeConfig.model_validate({"jit_level": level}))

    assert cell.jit_config_dict.get("jit_level") == found


def test_the_fusion_flags_reach_mindspore_before_it_is_loaded() -> None:
    environ: dict[str, str] = {}

    prepare_environment(RuntimeConfig(jit_level="O1", graph_kernel_flags="--disable_pass=x"), environ)

    assert environ["MS_DEV_GRAPH_KERNEL_FLAGS"] == "--disable_pass=x"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"runtime.graph_kernel_flags": "--x"}, "needs runtime.jit_level O1"),
        ({"runtime.jit_level": "O1", "runtime.mode": "pynative"}, "needs runtime.mode graph"),
        ({"runtime.jit_level": "O4"}, "should be 'O0', 'O1' or 'O2'"),
        ({"runtime.allreduce_mib": "0"}, "should be > 0"),
    ],
)
def test_impossible_combinations_are_refused(overrides: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_config(None, overrides)
