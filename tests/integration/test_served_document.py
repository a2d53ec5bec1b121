"""What a made-up client gets from the server is what the OpenAPI document says, by schemathesis."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from deploy.opening import open_classifier
from deploy.use.server_app import create_app
from tests.unit.deploy.small_bundle import write_bundle
from tests.unit.deploy.use.running_server import running


def test_nothing_is_answered_that_is_not_documented(tmp_path: Path) -> None:
    # How fast a busy machine makes up requests is nothing that the server could promise.
    options = ["--max-examples=15", "--generation-deterministic", "--no-color", "--suppress-health-check=too_slow"]
    bundle = write_bundle(tmp_path / "bundle")
    with running(create_app(open_classifier(bundle))) as port:
        address = f"http://127.0.0.1:{port}/openapi.json"
        command = [str(Path(sys.executable).with_name("schemathesis")), "run", address, *options]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 selected / 3 total" in done.stdout
