"""Manifests and container file: checked by others' rules, and against what the launcher reads. Nothing was run."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from launch.flags import parse_flags
from launch.plan import ROOT
from launch.resolve import resolve

MANIFESTS = sorted((ROOT / "launch/kubernetes").glob("*.yaml"))
IDS = [path.stem for path in MANIFESTS]
TWO_PODS = {
    "Scheduler": {"MS_NODE_RANK": "0", "MS_ROLE": "MS_SCHED"},
    "Worker": {"MS_NODE_RANK": "1", "MS_ROLE": "MS_WORKER"},
}
OPERATOR = {"MS_LOCAL_WORKER": "8", "MS_WORKER_NUM": "16", "MS_SCHED_HOST": "10.1.1.1", "MS_SCHED_PORT": "2222"}


def pods(manifest: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The pod templates of a manifest, by the name of their role."""
    spec = yaml.safe_load(manifest.read_text())["spec"]
    yield from ((name, replica["template"]) for name, replica in spec.get("replicaSpecs", {}).items())
    yield from ((task["name"], task["template"]) for task in spec.get("tasks", []))


@pytest.mark.parametrize("manifest", MANIFESTS, ids=IDS)
def test_pods_follow_the_schema_of_kubernetes(manifest: Path) -> None:
    found = list(pods(manifest))

    assert found
    for name, template in found:
        metadata = {"name": name.lower(), **template.get("metadata", {})}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        kubernetes_validate.validate(pod, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("manifest", MANIFESTS, ids=IDS)
def test_every_pod_names_what_it_mounts(manifest: Path) -> None:
    for _, template in pods(manifest):
        spec = template["spec"]
        mounted = {mount["name"] for container in spec["containers"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in spec["volumes"]}


@pytest.mark.parametrize("manifest", MANIFESTS, ids=IDS)
def test_as_many_ranks_start_as_cards_are_asked_for(manifest: Path, tmp_path: Path) -> None:
    for name, template in pods(manifest):
        container = template["spec"]["containers"][0]
        cards = container["resources"]["limits"]["huawei.com/Ascend910"]
        environ: dict[str, str] = {"ASCEND_RT_VISIBLE_DEVICES": ",".join(map(str, range(cards)))}
        if name in TWO_PODS and len(list(pods(manifest))) == 2:
            environ |= {**OPERATOR, **TWO_PODS[name]}
        elif name == "worker":
            environ |= {"VC_WORKER_HOSTS": "train-worker-0.train,train-worker-1.train", "VC_TASK_INDEX": "1"}
        script = (ROOT / container["command"][1]).read_text().splitlines()[-1]
        flags = [*shlex.split(script)[1:-1], *container["command"][2:]]

        request, _ = resolve(*parse_flags(flags), environ)

        assert request.workers == cards == 8
        assert request.nodes == (1 if "one_node" in manifest.name else 2)
        assert request.arguments[:2] == ("--config", "config/mobilenetv2_garbage26_full.yaml")


def test_the_container_file_is_clean() -> None:
    program = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:/usr/bin:/usr/local/bin")
    if program is None:
        pytest.skip("hadolint is not installed")

    done = subprocess.run([program, ROOT / "launch/docker/Dockerfile"], capture_output=True, text=True)

    assert done.returncode == 0, done.stdout
