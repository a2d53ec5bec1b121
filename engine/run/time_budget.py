"""Where the wall time of a run went."""

from __future__ import annotations

from dataclasses import dataclass

_WORDS = {
    "prepare": "prepare",
    "compile": "compile",
    "input_wait": "input wait",
    "step": "step",
    "evaluation": "evaluation",
    "checkpoint": "checkpoint",
    "other": "other",
}


@dataclass(frozen=True)
class TimeBudget:
    """Seconds of wall time of one process; a run that goes on counts anew.

    Args:
        prepare: before the first step: features, network, feed.
        compile: what the first training step took longer than the others.
        input_wait: the loop waited for the next batch; None where the device takes batches itself (MindSpore's dataset
            sink) and nobody sees it wait: it is in `step`.
        step: training steps, with what is waited for at the end of a window of them.
        evaluation: during training, and of the best checkpoint at the end.
        checkpoint: collecting and writing the weights and the state.
        other: the rest: Python, callbacks, logs.
    """

    prepare: float
    compile: float
    input_wait: float | None
    step: float
    evaluation: float
    checkpoint: float
    other: float

    @property
    def total(self) -> float:
        """All of it."""
        return sum(self.seconds().values())

    def seconds(self) -> dict[str, float]:
        """By kind, of those that were measured."""
        return {name: seconds for name in _WORDS if (seconds := getattr(self, name)) is not None}

    def shares(self) -> dict[str, float]:
        """By kind, of the whole."""
        return {name: seconds / self.total if self.total else 0.0 for name, seconds in self.seconds().items()}

    def line(self) -> str:
        """One line, the largest share first."""
        ordered = sorted(self.shares().items(), key=lambda part: -part[1])
        unseen = " (with input wait, which the sink hides)" if self.input_wait is None else ""
        words = {**_WORDS, "step": f"step{unseen}"}
        return f"time: {self.total:.1f} s: " + ", ".join(f"{words[name]} {share:.0%}" for name, share in ordered)
