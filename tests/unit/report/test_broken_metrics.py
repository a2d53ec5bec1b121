"""Whatever lies between the whole lines of metrics.jsonl, the whole lines are reported."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from report.run_folder import read_run

GOOD = json.dumps({"kind": "step", "step": 1, "epoch": 1, "loss": 0.5, "lr": 0.1, "images_per_second": 9.0}).encode()
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["kind", "step", "epoch", "loss", "x"]), inner),
)
KINDS = st.sampled_from(["step", "epoch", "?"])
LINES = (
    st.binary()
    | ANYTHING.map(lambda value: json.dumps(value).encode())
    | st.builds(lambda kind, step: json.dumps({"kind": kind, "step": step, "epoch": 0}).encode(), KINDS, ANYTHING)
)


@given(st.lists(LINES.map(lambda line: line.replace(b"\n", b""))))
def test_broken_lines_leave_the_others_readable(broken: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / "config.yaml").write_text("name: a\n")
        (path / "metrics.jsonl").write_bytes(b"\n".join([*broken, GOOD]))

        run = read_run(path)

    assert run.steps[-1].step == 1
