"""The server as its users meet it: a process of its own, HTTP, and the page in a real browser."""

from __future__ import annotations

import http.client
import io
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.integration.browser import Browser
from tests.integration.jobs import ROOT, environment

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def server(digits_bundle: Path) -> Iterator[str]:
    """Address of a running server with a limit of 1 MB."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "deploy.serve", str(digits_bundle), "--port", str(port), "--max_megabytes", "1"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(f"{address}/health").raise_for_status()
            break
        except httpx.HTTPError:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.1)
    yield address
    assert process.poll() is None, "the server has died"
    assert httpx.get(f"{address}/health").json()["status"] == "ok"
    process.terminate()
    process.wait(10)


def _png(size: tuple[int, int] = (8, 8), colour: int = 0) -> bytes:
    stream = io.BytesIO()
    Image.new("L", size, colour).save(stream, "PNG")
    return stream.getvalue()


def test_same_counts_as_evaluation(server: str, digits_bundle: Path, digits_pictures: Path) -> None:
    files = sorted(digits_pictures.rglob("*.png"))

    def best(file: Path) -> str:
        reply = client.post("/predict?top_k=1", content=file.read_bytes())
        return reply.json()["predictions"][0]["label"]

    with httpx.Client(base_url=server, timeout=30) as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(best, files))

    correct = sum(answer == file.parent.name for answer, file in zip(answers, files, strict=True))
    manifest = json.loads((digits_bundle / "manifest.json").read_text())
    assert (correct, len(files)) == (manifest["accuracy"]["correct"], manifest["accuracy"]["n"])
    metrics = dict(line.rsplit(" ", 1) for line in httpx.get(f"{server}/metrics").text.splitlines() if line[0] != "#")
    assert int(metrics["predict_pictures_total"]) >= len(files)
    assert int(metrics["predict_batches_total"]) < int(metrics["predict_pictures_total"]), "nothing was batched"


def test_answer_is_sorted_and_sums_to_one(server: str) -> None:
    reply = httpx.post(f"{server}/predict?top_k=99", content=_png((30, 20), 200)).json()

    probabilities = [answer["probability"] for answer in reply["predictions"]]
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) == pytest.approx(1)
    assert (reply["width"], reply["height"]) == (30, 20)


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 422, "empty"),
        (b"hello", 422, "not a picture"),
        (_png()[:40], 422, "cannot be used"),
        (_png((20_000, 20_000)), 422, "limit"),
        (_png((1, 65_000)), 422, "too narrow"),
        (b"\0" * (MEGABYTE + 1), 413, "above the limit of 1,048,576 bytes"),
    ],
)
def test_bad_upload_gets_one_clear_line(server: str, content: bytes, status: int, words: str) -> None:
    reply = httpx.post(f"{server}/predict", content=content, timeout=30)

    assert reply.status_code == status
    assert words in reply.json()["detail"]
    assert "\n" not in reply.json()["detail"]


@pytest.mark.parametrize("query", ["top_k=0", "top_k=-1", "top_k=x"])
def test_bad_query_is_refused(server: str, query: str) -> None:
    assert httpx.post(f"{server}/predict?{query}", content=_png()).status_code == 422


def test_form_upload_is_refused_with_the_right_way(server: str) -> None:
    reply = httpx.post(f"{server}/predict", files={"file": _png()})

    assert reply.status_code == 415
    assert "--data-binary" in reply.json()["detail"]


def test_declared_gigabyte_is_refused_before_it_is_sent(server: str) -> None:
    connection = http.client.HTTPConnection(server.removeprefix("http://"), timeout=10)
    connection.putrequest("POST", "/predict")
    connection.putheader("Content-Length", str(1024 * MEGABYTE))
    connection.endheaders()

    assert connection.getresponse().status == 413
    connection.close()


def test_undeclared_gigabyte_is_cut_off(server: str) -> None:
    sent = []

    def endless() -> Iterator[bytes]:
        for _ in range(1024):
            sent.append(MEGABYTE)
            yield b"\0" * MEGABYTE

    try:
        status = httpx.post(f"{server}/predict", content=endless(), timeout=60).status_code
    except httpx.TransportError:  # the server hung up while we were still sending
        status = 413
    assert status == 413
    assert len(sent) < 100


def test_only_this_machine_is_listened_to(server: str) -> None:
    port = int(server.rsplit(":", 1)[1])
    address = str(socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)[0][4][0])
    if address.startswith("127."):
        pytest.skip("this machine's name resolves to the loopback address only")

    with pytest.raises(OSError):  # noqa: PT011 (refused or unreachable, both are right)
        socket.create_connection((address, port), timeout=2)


def test_endpoint_is_documented(server: str) -> None:
    document = httpx.get(f"{server}/openapi.json").json()

    assert "image/*" in document["paths"]["/predict"]["post"]["requestBody"]["content"]


def test_page_names_a_picture_in_a_browser(server: str, digits_pictures: Path) -> None:
    file = next((digits_pictures / "0").glob("*.png"))
    expected = httpx.post(f"{server}/predict", content=file.read_bytes()).json()["predictions"]
    with Browser() as browser:
        browser.open(server)
        browser.wait_for("document.getElementById('model').textContent.includes('10 classes')")
        browser.choose_file("#file", file)
        browser.wait_for("!document.getElementById('result').hidden")
        browser.wait_for("document.getElementById('picture').naturalWidth === 8")
        shown = browser.value("[...document.querySelectorAll('li span:first-child')].map(e => e.textContent).join()")
        picture = np.asarray(Image.open(io.BytesIO(browser.screenshot())).convert("RGB"), np.int32)

        assert shown.replace(",,", ",").split(",")[0] == expected[0]["label"]
        blue_bar = (picture[..., 2] - picture[..., 0] > 80).sum()
        assert blue_bar > 200, "the bar of the best answer is not to be seen"
        assert all(url.startswith((server, "blob:")) for url in browser.requests), browser.requests
        assert browser.errors == []


def test_page_shows_what_is_wrong_with_a_file(server: str, tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("not a picture")
    with Browser() as browser:
        browser.open(server)
        browser.choose_file("#file", tmp_path / "notes.png")
        browser.wait_for("document.getElementById('status').className === 'error'")

        assert "not a picture" in browser.value("document.getElementById('status').textContent")
        assert browser.value("document.getElementById('result').hidden")
