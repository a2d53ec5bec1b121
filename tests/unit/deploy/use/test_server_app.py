"""What the server answers is what its OpenAPI document says."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from deploy.opening import open_classifier
from deploy.use.server_app import create_app
from deploy.use.service import SWEEP_SECONDS, Limits
from tests.unit.deploy.small_bundle import colour_model, picture_bytes, write_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle") / "b")


@pytest.fixture
def client(bundle: Path) -> Iterator[TestClient]:
    with TestClient(create_app(open_classifier(bundle), Limits(body_bytes=1_000_000))) as client:
        yield client


def test_every_status_that_is_sent_is_declared_with_its_form(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    responses = document["paths"]["/predict"]["post"]["responses"]

    assert set(responses) == {"200", "400", "408", "413", "415", "422", "500", "503"}
    schemas = {status: response["content"]["application/json"]["schema"] for status, response in responses.items()}
    assert {schemas[s]["$ref"] for s in schemas if s != "200"} == {"#/components/schemas/Problem"}
    assert document["components"]["schemas"]["Problem"]["properties"]["detail"]["type"] == "string"


@pytest.mark.parametrize(
    ("path", "content", "headers", "status"),
    [
        ("/predict", b"", {}, 422),
        ("/predict", b"no picture", {}, 422),
        ("/predict?top_k=0", picture_bytes(), {}, 422),
        ("/predict?top_k=" + "9" * 5000, picture_bytes(), {}, 422),
        ("/predict", b"\0" * 1_000_001, {}, 413),
        ("/predict", b"x", {"content-type": "multipart/form-data; boundary=x"}, 415),
    ],
)
def test_a_refusal_is_one_line_of_json(
    client: TestClient, path: str, content: bytes, headers: dict[str, str], status: int
) -> None:
    reply = client.post(path, content=content, headers=headers)

    assert reply.status_code == status
    assert reply.json().keys() == {"detail"}
    assert reply.json()["detail"].isprintable()


def test_a_broken_network_says_so(tmp_path: Path) -> None:
    broken = write_bundle(tmp_path / "b", colour_model(float("nan")))

    with TestClient(create_app(open_classifier(broken))) as client:
        health, reply = client.get("/health"), client.post("/predict", content=picture_bytes())

    assert (health.status_code, health.json()["status"]) == (503, "broken")
    assert (reply.status_code, reply.json()) == (
        503,
        {"detail": "the network is broken: the network's outputs are not finite"},
    )


def test_a_picture_to_which_the_network_has_no_answer_is_refused_alone(bundle: Path) -> None:
    classifier = open_classifier(bundle)
    real = classifier.runtime

    def overflowing(batch: np.ndarray) -> np.ndarray:
        outputs = real(batch)
        return np.where(outputs[:, :1] > 9, np.inf, outputs)  # red pictures

    object.__setattr__(classifier, "runtime", overflowing)
    with TestClient(create_app(classifier)) as client:
        red = client.post("/predict", content=picture_bytes("#f00"))
        blue = client.post("/predict", content=picture_bytes("#00f"))

    assert (red.status_code, red.json()["detail"]) == (
        422,
        "no answer to this picture: the network's outputs are not finite",
    )
    assert blue.json()["predictions"][0]["label"] == "blue"


def test_an_error_of_the_server_is_json_too(bundle: Path) -> None:
    classifier = open_classifier(bundle)

    def failing(batch: np.ndarray) -> np.ndarray:
        raise RuntimeError("secret")

    object.__setattr__(classifier, "runtime", failing)
    with TestClient(create_app(classifier)) as client:
        reply = client.post("/predict", content=picture_bytes())

    assert reply.status_code == 500
    assert "secret" not in reply.json()["detail"]


def test_uploads_share_one_memory(bundle: Path) -> None:
    limits = Limits(memory_bytes=100_000)
    with TestClient(create_app(open_classifier(bundle), limits)) as client:
        reply = client.post("/predict", content=b"\0" * 100_001)
        after = client.post("/predict", content=picture_bytes())

    assert (reply.status_code, after.status_code) == (503, 200)


def test_memory_returns_after_bombs(client: TestClient) -> None:
    """Small files of many pixels: most are refused by their header, the rest is given back."""
    process = psutil.Process()
    client.post("/predict", content=picture_bytes())
    before = process.memory_info().rss
    bombs = [_bomb(20_000), _bomb(4000), _bomb(4000)[:-40]] * 7
    statuses = [client.post("/predict", content=bomb).status_code for bomb in bombs]

    assert statuses == [422, 200, 422] * 7
    for _ in range(60):  # the sweep comes every second, on an idle machine
        if process.memory_info().rss - before < 100 * 1024 * 1024:
            break
        time.sleep(SWEEP_SECONDS)
    else:
        pytest.fail(f"{process.memory_info().rss - before:,} bytes are not given back")


def _bomb(side: int) -> bytes:
    if side not in _BOMBS:
        stream = io.BytesIO()
        Image.new("1", (side, side)).save(stream, "PNG")
        _BOMBS[side] = stream.getvalue()
    return _BOMBS[side]


_BOMBS: dict[int, bytes] = {}
