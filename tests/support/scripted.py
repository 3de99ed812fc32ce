"""A Kinesis that gives a test's answers one after the other, whatever the calls are."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from event_lake.kinesis.api.client import KinesisClient
from support.http_servers import serving
from support.replayed_streams import REGION, any_credentials


@dataclass(frozen=True)
class Answer:
    """An HTTP answer. If `breaks_after` isn't None, the connection breaks after so many bytes of the body."""

    body: bytes
    status: int = 200
    breaks_after: int | None = None


def ok(**body: Any) -> Answer:
    return Answer(json.dumps(body).encode())


def refused(code: str, message: str = "why", status: int = 400) -> Answer:
    return Answer(json.dumps({"__type": code, "message": message}).encode(), status)


def broken(answer: Answer, after: int) -> Answer:
    return Answer(answer.body, answer.status, after)


@dataclass
class Script:
    """The answers that remain, and a client to which they are given.

    `requests` has the client's calls as (action, request), and `delays` the seconds that it would have slept.
    """

    answers: list[Answer]
    requests: list[tuple[str, Any]] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    client: KinesisClient = field(init=False)

    @property
    def actions(self) -> list[str]:
        return [action for action, _ in self.requests]


@contextmanager
def script(*answers: Answer, patience_seconds: float = 200.0) -> Iterator[Script]:
    """Serve `answers` to a client while the block runs. Each is given once, but the last one to all further calls."""
    running = Script(list(answers))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            running.requests.append((self.headers["X-Amz-Target"].partition(".")[2], request))
            answer = running.answers.pop(0) if len(running.answers) > 1 else running.answers[0]
            if answer.breaks_after == 0:
                self.close_connection = True
                return
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body[: answer.breaks_after])
            self.close_connection = answer.breaks_after is not None

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with serving(Handler) as url, any_credentials():
        running.client = KinesisClient(
            "events", REGION, url, patience_seconds=patience_seconds, sleep=running.delays.append
        )
        yield running
