"""A rank that loses the others says so, and nothing else is taken for that."""

from __future__ import annotations

import pytest

from common.errors import PeersLostError, TrainingError
from engine.runtime.peers import naming_lost_ranks

LOST = "Launch kernel failed, name:Default/AllGather-op0\n\n----\n- C++ Call Stack: (For framework developers)\n----"


def test_a_collective_that_failed_names_the_ranks_and_keeps_mindspores_line() -> None:
    with pytest.raises(PeersLostError) as lost, naming_lost_ranks(1, 2):
        raise RuntimeError(LOST)

    assert str(lost.value).startswith("rank 1 has lost the others: one of 2 ranks has ended")
    assert str(lost.value).endswith("(Launch kernel failed, name:Default/AllGather-op0)")
    assert lost.value.exit_code == 1
    assert lost.value.restart_helps


@pytest.mark.parametrize(
    ("error", "world_size"),
    [
        (RuntimeError(LOST), 1),
        (RuntimeError("Launch kernel failed, name:Default/MatMul-op0"), 2),
        (TrainingError("the loss of AllGather"), 2),
        (ValueError("AllGather"), 2),
    ],
)
def test_other_errors_stay_what_they_are(error: Exception, world_size: int) -> None:
    with pytest.raises(type(error)) as found, naming_lost_ranks(0, world_size):
        raise error

    assert found.value is error
