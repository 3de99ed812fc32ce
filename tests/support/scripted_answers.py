"""A service on loopback that gives the answers that a test has written down."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from support.http_servers import serving


@contextmanager
def answers_endpoint(answers: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    """Answer GET requests while the block runs: by path, each answer once, as JSON; any other request gets a 404."""
    left = {path: list(bodies) for path, bodies in answers.items()}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            bodies = left.get(self.path.partition("?")[0])
            body = json.dumps(bodies.pop(0)).encode() if bodies else b"{}"
            self.send_response(200 if bodies is not None else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    with serving(Handler) as url:
        yield url
