"""Serve a bundle on a web page and as JSON: `python -m deploy.serve BUNDLE`.

The server listens on this machine only, unless --host says otherwise. It has no accounts and no encryption: put it
behind a proxy that has before others reach it, and name with --allow_host what the proxy is called. Ctrl-C (exit code
130) and SIGTERM (143) end it within ten seconds, whatever its clients do.
"""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from common.arguments import number_above_zero, whole_number
from common.door import EXIT_OK, DoorParser, open_door
from common.errors import ConfigError

GRACE_SECONDS = 5
"""For answers that are on their way when the server is told to stop."""


def main(argv: Sequence[str]) -> int:
    """Load the bundle, then serve until Ctrl-C or SIGTERM."""
    options = _parse(argv)
    # Here, not above: Ctrl-C is answered from `open_door` on, and these take a while.
    import uvicorn

    from deploy.opening import open_classifier
    from deploy.use.host_names import is_local, names_of
    from deploy.use.http_protocol import BoundedProtocol
    from deploy.use.server_app import create_app
    from deploy.use.service import Limits

    classifier = open_classifier(options.bundle, options.format)
    limits = replace(Limits(), body_bytes=int(options.max_megabytes * 1024 * 1024), pixels=options.max_pixels)
    names = names_of(options.host, options.allow_host)
    config = uvicorn.Config(
        create_app(classifier, limits, names),
        http=BoundedProtocol,
        ws="none",
        log_level="error",
        timeout_keep_alive=5,
        timeout_graceful_shutdown=GRACE_SECONDS,
        server_header=False,
        proxy_headers=False,
    )
    with _listen(options.host, options.port) as listener:
        if not is_local(options.host):
            print(f"listening on {options.host}: whoever reaches this machine can use the server", file=sys.stderr)
        if classifier.broken:
            print(f"the network is broken: {classifier.broken}; every picture is refused", file=sys.stderr)
        address = f"http://{_in_url(options.host)}:{listener.getsockname()[1]}/"
        print(f"{classifier.origin}, {len(classifier.classes)} classes: {address}", flush=True)
        uvicorn.Server(config).run(sockets=[listener])
    return EXIT_OK


def _listen(host: str, port: int) -> socket.socket:
    """Open the address before anything is said about it.

    Raises:
        ConfigError: somebody else listens there, or it is not this machine's.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server((address[0], port), family=family, backlog=2048)
    except (OSError, UnicodeError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"cannot listen on {host} port {port}: {reason}; choose others with --host, --port"
        ) from error


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = DoorParser(prog="python -m deploy.serve", description=__doc__)
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder made by export.py")
    parser.add_argument("--format", metavar="NAME", help="which model of the bundle (default: onnx, or its first)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=whole_number(0, 65535), default=8000, help="0 takes a free one (default: 8000)")
    parser.add_argument(
        "--allow_host",
        action="append",
        default=[],
        metavar="NAME",
        help="further name to answer to; may be given again (default: this machine's, or any with another --host)",
    )
    parser.add_argument("--max_megabytes", type=number_above_zero, default=16, help="largest upload (default: 16)")
    parser.add_argument(
        "--max_pixels", type=whole_number(1), default=50_000_000, help="largest picture (default: 50,000,000)"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    open_door(main, outlives_reader=True)
