"""Serve a bundle on a web page and as JSON: `python -m deploy.serve BUNDLE`.

The server listens on this machine only, unless --host says otherwise. It has no accounts and no encryption: put it
behind a proxy that has before others reach it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from common.door import EXIT_OK, DoorParser, open_door


def main(argv: Sequence[str]) -> int:
    """Load the bundle, then serve until Ctrl-C."""
    options = _parse(argv)
    # Here, not above: Ctrl-C is answered from `open_door` on, and these take a while.
    import uvicorn

    from deploy.opening import open_classifier
    from deploy.use.server_app import Limits, create_app

    classifier = open_classifier(options.bundle, options.format)
    limits = replace(Limits(), body_bytes=int(options.max_megabytes * 1024 * 1024), pixels=options.max_pixels)
    if options.host not in ("127.0.0.1", "::1", "localhost"):
        print(f"listening on {options.host}: whoever reaches this machine can use the server", file=sys.stderr)
    print(f"{classifier.origin}, {len(classifier.classes)} classes: http://{options.host}:{options.port}/", flush=True)
    uvicorn.run(
        create_app(classifier, limits),
        host=options.host,
        port=options.port,
        log_level="warning",
        timeout_keep_alive=5,
        limit_concurrency=256,
        server_header=False,
    )
    return EXIT_OK


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = DoorParser(prog="python -m deploy.serve", description=__doc__)
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder made by export.py")
    parser.add_argument("--format", metavar="NAME", help="which model of the bundle (default: onnx, or its first)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="(default: 8000)")
    parser.add_argument("--max_megabytes", type=float, default=16, help="largest upload (default: 16)")
    parser.add_argument("--max_pixels", type=int, default=50_000_000, help="largest picture (default: 50,000,000)")
    return parser.parse_args(argv)


if __name__ == "__main__":
    open_door(main, outlives_reader=True)
