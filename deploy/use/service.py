"""What the endpoints of the server share: the network, its queue, limits, and what was counted."""

from __future__ import annotations

import asyncio
import io
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import numpy as np
from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect

from deploy.use.batching import MicroBatcher, QueueFullError
from deploy.use.classifier import Classifier, OutputError
from deploy.use.memory import give_back
from deploy.use.picture_files import PictureError, open_checked

LARGE_PIXELS = 4_000_000
"""Of a picture whose memory is worth giving back to the system."""
SWEEP_SECONDS = 1.0
FORM = "send the picture file itself as the body, not a form (curl --data-binary @picture.jpg)"


@dataclass(frozen=True)
class Limits:
    """What a request may cost.

    Args:
        body_bytes: largest upload.
        pixels: largest picture.
        decoders: pictures decoded at a time.
        waiting: pictures that wait for the model.
        upload_seconds: longest time of an upload.
        silent_seconds: longest time of an upload without a byte.
        memory_bytes: all uploads that are being read or decoded, together.
    """

    body_bytes: int = 16 * 1024 * 1024
    pixels: int = 50_000_000
    decoders: int = 2
    waiting: int = 64
    upload_seconds: float = 30.0
    silent_seconds: float = 5.0
    memory_bytes: int = 512 * 1024 * 1024


class LabelProbability(BaseModel):
    """One class."""

    label: str
    probability: float = Field(ge=0, le=1)


class PredictionReply(BaseModel):
    """What a picture shows, best class first."""

    predictions: list[LabelProbability]
    width: int = Field(description="of the picture, pixels")
    height: int
    milliseconds: float = Field(description="from the whole upload to the answer")


class Service:
    """Answers uploads.

    Args:
        classifier: the network.
        limits: what a request may cost.
    """

    def __init__(self, classifier: Classifier, limits: Limits) -> None:
        self.classifier = classifier
        self._limits = limits
        self._batcher = MicroBatcher(classifier.probabilities, max_waiting=limits.waiting)
        self._decoders = ThreadPoolExecutor(limits.decoders, "decode")
        self._held_bytes = 0
        self._to_decode = 0
        self._unswept = False
        self._counts: Counter[int] = Counter()

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Start the queue, and end it with the server."""
        self._batcher.start()
        sweeper = asyncio.create_task(self._sweep())
        yield
        sweeper.cancel()
        await self._batcher.stop()
        self._decoders.shutdown(wait=False, cancel_futures=True)

    async def predict(self, request: Request, top_k: int) -> PredictionReply:
        """Read an upload, decode it, ask the network.

        Raises:
            HTTPException: the upload cannot be used, too much is waiting, or the network is broken.
        """
        if self.classifier.broken is not None:
            raise _hang_up(503, f"the network is broken: {self.classifier.broken}")
        with self._memory() as hold:
            body = await self._read_body(request, hold)
            start = time.perf_counter()
            try:
                prepared, width, height = await self._decode(body)
                probabilities = await self._batcher(prepared)
                answers = self.classifier.answers(probabilities, min(top_k, len(self.classifier.classes)))
            except OutputError as error:
                raise HTTPException(422, f"no answer to this picture: {error}") from error
            except PictureError as error:
                raise HTTPException(422, f"the upload cannot be used: {error}") from error
            except QueueFullError as error:
                raise HTTPException(503, f"{error}; try again") from error
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

    @contextmanager
    def _memory(self) -> Iterator[_Memory]:
        """Count what one upload holds, until it is answered."""
        hold = _Memory(self)
        try:
            yield hold
        finally:
            self._held_bytes -= hold.size

    async def _decode(self, body: bytes) -> tuple[np.ndarray, int, int]:
        if self._to_decode >= self._limits.waiting:
            raise QueueFullError(f"{self._to_decode} uploads are waiting already")
        self._to_decode += 1
        was_large = True  # unless it tells its size
        try:
            decoded = await asyncio.get_running_loop().run_in_executor(
                self._decoders, _prepare, self.classifier, body, self._limits.pixels
            )
            was_large = decoded[1] * decoded[2] > LARGE_PIXELS
            return decoded
        finally:
            self._to_decode -= 1
            self._unswept |= was_large

    async def _sweep(self) -> None:
        """Give back the memory of large pictures once they are gone."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            if self._unswept:
                self._unswept = False
                await asyncio.get_running_loop().run_in_executor(self._decoders, give_back)

    async def _read_body(self, request: Request, hold: _Memory) -> bytes:
        """Read an upload; one that is too large or too slow is refused before it has arrived."""
        limits = self._limits
        too_large = _hang_up(413, f"the upload is above the limit of {limits.body_bytes:,} bytes")
        if request.headers.get("content-type", "").startswith("multipart/"):
            raise _hang_up(415, FORM)
        declared = request.headers.get("content-length", "0")
        if declared.isdigit() and int(declared) > limits.body_bytes:
            raise too_large
        body = bytearray()
        try:
            async with asyncio.timeout(limits.upload_seconds), asyncio.timeout(limits.silent_seconds) as silence:
                async for chunk in request.stream():
                    silence.reschedule(asyncio.get_running_loop().time() + limits.silent_seconds)
                    body += chunk
                    if len(body) > limits.body_bytes:
                        raise too_large
                    hold.add(len(chunk))
        except TimeoutError as error:
            seconds = f"{limits.upload_seconds:g} seconds, or stood still for {limits.silent_seconds:g}"
            raise _hang_up(408, f"the upload took more than {seconds}") from error
        except ClientDisconnect as error:
            raise _hang_up(400, "the upload broke off") from error  # nobody is there to read it, but it is counted
        if not body:
            raise HTTPException(422, "the upload is empty; the body must be a picture file")
        return bytes(body)

    def hold(self, size: int) -> None:
        """Add to the memory of all uploads.

        Raises:
            HTTPException: it would be too much.
        """
        if self._held_bytes + size > self._limits.memory_bytes:
            raise _hang_up(503, "too many uploads at a time; try again")
        self._held_bytes += size


class _Memory:
    """Bytes that one upload holds."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.size = 0

    def add(self, size: int) -> None:
        self._service.hold(size)
        self.size += size


def _prepare(classifier: Classifier, body: bytes, max_pixels: int) -> tuple[np.ndarray, int, int]:
    with open_checked(io.BytesIO(body), classifier.spec, max_pixels) as image:
        return classifier.prepare(image), image.width, image.height


def _hang_up(status: int, detail: str) -> HTTPException:
    """An answer to an upload that is not read to its end."""
    return HTTPException(status, detail, headers={"Connection": "close"})
