"""The web application of `deploy.serve`: a page, a JSON endpoint, health and metrics."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel, Field
from starlette.middleware.base import RequestResponseEndpoint

from deploy.use.classifier import Classifier
from deploy.use.host_names import is_foreign
from deploy.use.service import Limits, PredictionReply, Service

logger = logging.getLogger(__name__)

PAGE = Path(__file__).with_name("serve_page.html")
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src blob:; connect-src 'self'"
PICTURE = {"type": "string", "format": "binary"}


class Problem(BaseModel):
    """Why there is no answer."""

    detail: str = Field(description="one line")


class Health(BaseModel):
    """Whether the network can answer."""

    status: Literal["ok", "broken"]
    model: str
    classes: int
    problem: str | None = Field(None, description="what is broken")


def _problems(**reasons: str) -> dict[int | str, dict[str, Any]]:
    return {int(status[1:]): {"model": Problem, "description": reason} for status, reason in reasons.items()}


EVERYWHERE = _problems(
    _400="the Host header names another server, or the request is no HTTP with one length",
    _408="the head of the request did not arrive in time",
    _500="an error of the server, which is in its log",
)
PREDICT = EVERYWHERE | _problems(
    _408="the upload took too long, or stood still",
    _413="the upload is too large",
    _415="a form instead of the picture file itself",
    _422="not a picture that can be used, a query that cannot be, or a picture to which the network has no answer",
    _503="too much is waiting: try again; or the network is broken (see /health)",
)
NETWORK_BROKEN: dict[int | str, dict[str, Any]] = {503: {"model": Health, "description": "the network is broken"}}


def create_app(classifier: Classifier, limits: Limits | None = None, names: Collection[str] | None = None) -> FastAPI:
    """Make the application.

    Args:
        classifier: the network.
        limits: what a request may cost.
        names: hosts that it answers to, as `host_names.names_of` gives them; None answers to any.
    """
    service = Service(classifier, limits or Limits())
    app = FastAPI(
        title="Picture classifier",
        description=classifier.origin,
        lifespan=service.lifespan,
        docs_url=None,
        redoc_url=None,
    )

    @app.exception_handler(RequestValidationError)
    async def refuse_query(_: Request, error: RequestValidationError) -> JSONResponse:
        problem = error.errors()[0]
        return JSONResponse({"detail": f"{problem['loc'][-1]}: {problem['msg']}"}, 422)

    @app.middleware("http")
    async def guard(request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await _answer(request, call_next, names)
        if request.url.path == "/predict":
            service.answered(response.status_code)
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def page() -> str:
        return PAGE.read_text(encoding="utf-8")

    @app.get("/health", responses=EVERYWHERE | NETWORK_BROKEN, response_model_exclude_none=True)
    async def health(response: Response) -> Health:
        response.status_code = 503 if classifier.broken else 200
        return Health(
            status="broken" if classifier.broken else "ok",
            model=classifier.origin,
            classes=len(classifier.classes),
            problem=classifier.broken,
        )

    @app.get("/metrics", response_class=PlainTextResponse, responses=EVERYWHERE)
    async def metrics() -> str:
        return service.metrics()

    @app.post(
        "/predict",
        summary="The body is the picture file itself: curl --data-binary @picture.jpg URL/predict?top_k=3",
        responses=PREDICT,
        openapi_extra={"requestBody": {"required": True, "content": {"image/*": {"schema": PICTURE}}}},
    )
    async def predict(request: Request, top_k: Annotated[int, Query(ge=1, le=1000)] = 5) -> PredictionReply:
        return await service.predict(request, top_k)

    return app


async def _answer(request: Request, call_next: RequestResponseEndpoint, names: Collection[str] | None) -> Response:
    """Let the application answer, if the request means this server; an error of its own becomes an answer, too."""
    if is_foreign(request.headers.get("host"), names):
        detail = "the Host header names another server; start this one with --allow_host NAME to let it answer to NAME"
        return JSONResponse({"detail": detail}, 400, {"Connection": "close"})
    try:
        return await call_next(request)
    except Exception:
        logger.exception("%s %s failed", request.method, request.url.path)
        return JSONResponse({"detail": "an error of the server, which is in its log"}, 500, {"Connection": "close"})
