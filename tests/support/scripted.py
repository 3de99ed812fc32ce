"""A Kinesis that gives the answers it is told to, one after the other, whatever it is asked."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from event_lake.kinesis.api.client import KinesisClient
from support.replayed_streams import REGION, any_credentials


@dataclass(frozen=True)
class Answer:
    """`breaks_after`: the connection does, after so many bytes of the body."""

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
    """A client of such a Kinesis, what it asked as (action, request), and how long it would have slept."""

    answers: list[Answer]
    asked: list[tuple[str, Any]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    client: KinesisClient = field(init=False)

    @property
    def actions(self) -> list[str]:
        return [action for action, _ in self.asked]


@contextmanager
def script(*answers: Answer, patience_seconds: float = 200.0) -> Iterator[Script]:
    """The last answer is given as often as it's asked for."""
    made = Script(list(answers))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.asked.append((self.headers["X-Amz-Target"].partition(".")[2], request))
            answer = made.answers.pop(0) if len(made.answers) > 1 else made.answers[0]
            if answer.breaks_after == 0:
                self.close_connection = True
                return
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body[: answer.breaks_after])
            self.close_connection = answer.breaks_after is not None

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    serving.start()
    try:
        with any_credentials():
            made.client = KinesisClient(
                "events",
                REGION,
                f"http://127.0.0.1:{server.server_port}",
                patience_seconds=patience_seconds,
                sleep=made.slept.append,
            )
            yield made
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
