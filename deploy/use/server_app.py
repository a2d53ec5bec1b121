"""The web application of `deploy.serve`: a page, a JSON endpoint, health and metrics."""

from __future__ import annotations

import asyncio
import io
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from pydantic import BaseModel, Field
from starlette.middleware.base import RequestResponseEndpoint

from deploy.use.batching import MicroBatcher, QueueFullError
from deploy.use.classifier import Classifier
from deploy.use.picture_files import PictureError, open_checked

logger = logging.getLogger(__name__)

PAGE = Path(__file__).with_name("serve_page.html")
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src blob:; connect-src 'self'"


@dataclass(frozen=True)
class Limits:
    """What a request may cost.

    Args:
        body_bytes: largest upload.
        pixels: largest picture.
        decoders: pictures decoded at a time.
        waiting: pictures that wait for the model.
        upload_seconds: longest time of an upload.
    """

    body_bytes: int = 16 * 1024 * 1024
    pixels: int = 50_000_000
    decoders: int = 2
    waiting: int = 64
    upload_seconds: float = 30.0


class LabelProbability(BaseModel):
    """One class."""

    label: str
    probability: float = Field(ge=0, le=1.000001)


class PredictionReply(BaseModel):
    """What a picture shows, best class first."""

    predictions: list[LabelProbability]
    width: int = Field(description="of the picture, pixels")
    height: int
    milliseconds: float = Field(description="from the whole upload to the answer")


class Service:
    """What the endpoints share: the network, its queue, and what was counted.

    Args:
        classifier: the network.
        limits: what a request may cost.
    """

    def __init__(self, classifier: Classifier, limits: Limits) -> None:
        self.classifier = classifier
        self._limits = limits
        self._batcher = MicroBatcher(classifier.probabilities, max_waiting=limits.waiting)
        self._decoders = ThreadPoolExecutor(limits.decoders, "decode")
        self._uploads = asyncio.Semaphore(limits.waiting)
        self._counts: Counter[int] = Counter()

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Start the queue, and end it with the server."""
        self._batcher.start()
        yield
        await self._batcher.stop()
        self._decoders.shutdown(wait=False, cancel_futures=True)

    async def predict(self, request: Request, top_k: int) -> PredictionReply:
        """Read an upload, decode it, ask the network.

        Raises:
            HTTPException: the upload cannot be used, or too much is waiting.
        """
        if self._uploads.locked():
            raise HTTPException(503, "too many uploads at a time; try again")
        async with self._uploads:
            body = await _read_body(request, self._limits)
            start = time.perf_counter()
            try:
                prepared, width, height = await asyncio.get_running_loop().run_in_executor(
                    self._decoders, _prepare, self.classifier, body, self._limits.pixels
                )
                probabilities = await self._batcher(prepared)
            except PictureError as error:
                raise HTTPException(422, f"the upload cannot be used: {error}") from error
            except QueueFullError as error:
                raise HTTPException(503, f"{error}; try again") from error
        answers = self.classifier.answers(probabilities, min(top_k, len(self.classifier.classes)))
        return PredictionReply(
            predictions=[LabelProbability(label=a.label, probability=a.probability) for a in answers],
            width=width,
            height=height,
            milliseconds=1000 * (time.perf_counter() - start),
        )

    def answered(self, status: int) -> None:
        """Count an answer of the endpoint."""
        self._counts[status] += 1

    def metrics(self) -> str:
        """The counts, in Prometheus' text format."""
        lines = ["# TYPE predict_requests_total counter"]
        lines += [f'predict_requests_total{{status="{status}"}} {n}' for status, n in sorted(self._counts.items())]
        lines += ["# TYPE predict_batches_total counter", f"predict_batches_total {self._batcher.batches}"]
        lines += ["# TYPE predict_pictures_total counter", f"predict_pictures_total {self._batcher.inputs}"]
        lines += ["# TYPE predict_waiting gauge", f"predict_waiting {self._batcher.waiting}"]
        return "\n".join(lines) + "\n"


def create_app(classifier: Classifier, limits: Limits | None = None) -> FastAPI:
    """Make the application.

    Args:
        classifier: the network.
        limits: what a request may cost.
    """
    service = Service(classifier, limits or Limits())
    app = FastAPI(
        title="Picture classifier",
        description=classifier.origin,
        lifespan=service.lifespan,
        docs_url=None,
        redoc_url=None,
    )

    @app.middleware("http")
    async def count(request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        if request.url.path == "/predict":
            service.answered(response.status_code)
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def page() -> str:
        return PAGE.read_text(encoding="utf-8")

    @app.get("/health")
    async def health() -> dict[str, str | int]:
        return {"status": "ok", "model": classifier.origin, "classes": len(classifier.classes)}

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> str:
        return service.metrics()

    @app.post(
        "/predict",
        summary="The body is the picture file itself: curl --data-binary @picture.jpg URL/predict?top_k=3",
        openapi_extra={"requestBody": {"required": True, "content": {"image/*": {"schema": {"type": "string"}}}}},
    )
    async def predict(request: Request, top_k: Annotated[int, Query(ge=1, le=1000)] = 5) -> PredictionReply:
        return await service.predict(request, top_k)

    return app


def _prepare(classifier: Classifier, body: bytes, max_pixels: int) -> tuple[np.ndarray, int, int]:
    with open_checked(io.BytesIO(body), classifier.spec, max_pixels) as image:
        return classifier.prepare(image), image.width, image.height


def _hang_up(status: int, detail: str) -> HTTPException:
    """An answer to an upload that is not read to its end."""
    return HTTPException(status, detail, headers={"Connection": "close"})


async def _read_body(request: Request, limits: Limits) -> bytes:
    """Read an upload; one that is too large is refused before it has arrived."""
    too_large = _hang_up(413, f"the upload is above the limit of {limits.body_bytes:,} bytes")
    if request.headers.get("content-type", "").startswith("multipart/"):
        raise _hang_up(415, "send the picture file itself as the body, not a form (curl --data-binary @picture.jpg)")
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > limits.body_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(limits.upload_seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limits.body_bytes:
                    raise too_large
    except TimeoutError as error:
        raise _hang_up(408, f"the upload took more than {limits.upload_seconds:g} seconds") from error
    if not body:
        raise HTTPException(422, "the upload is empty; the body must be a picture file")
    return bytes(body)
