"""Run moto's S3 in a process of its own, which notes each request and may answer as slowly as S3 does.

    with counted_s3(delay_seconds=0.02) as s3:
        ...
        print(s3.requests())

moto answers on loopback in 2 ms or so, where S3 takes some 20: only with a delay does the number of requests show in
the time that a job takes. A request can be held, so that a test knows how far a job has come when it kills it.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event, Lock
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode
from urllib.request import urlopen

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, run_simple

from event_lake.config.files import load_settings
from support.emulators import free_port

# The server's own pages: its requests, what to hold, what to refuse, and what to lose. No bucket can have such a name.
_REQUESTS, _HOLD, _REFUSE, _LOSE = "/_requests", "/_hold", "/_refuse", "/_lose"
# S3's refusals, by the status of their answers.
_REFUSALS = {"403 Forbidden": "AccessDenied", "301 Moved Permanently": "PermanentRedirect"}


@dataclass(frozen=True)
class Request:
    """A request to S3: its kind, as S3's prices tell them apart, and the key that it names, without the bucket.

    The key of a LIST is the prefix that it asks for. `status` is the status of the answer.
    """

    kind: str
    key: str
    status: int = 0


@dataclass(frozen=True)
class CountedS3:
    """A running server at `endpoint`."""

    endpoint: str

    def requests(self, since: int = 0) -> list[Request]:
        """Return the requests so far, in order, without the first `since`."""
        return [Request(**values) for values in self._ask(f"{_REQUESTS}?since={since}")]

    @contextmanager
    def holding(self, folder: str, *, at_last: bool) -> Iterator[Callable[[], bool]]:
        """Hold the first PUT below a folder of a bucket while the block runs; `at_last` carries it out at its end.

        The block gets a function that tells whether there was such a PUT.
        """
        self._ask(f"{_HOLD}?folder={quote(folder)}")
        try:
            yield lambda: bool(self._ask(_HOLD))
        finally:
            self._ask(f"{_HOLD}?at_last={at_last}")

    @contextmanager
    def refusing(self, folder: str, status: str) -> Iterator[None]:
        """Answer each request below a folder of a bucket with this status while the block runs.

        403 Forbidden denies access. 301 Moved Permanently says that the bucket is in another region.
        """
        self._ask(f"{_REFUSE}?folder={quote(folder)}&status={quote(status)}")
        try:
            yield
        finally:
            self._ask(f"{_REFUSE}?folder=&status=")

    @contextmanager
    def losing(self, *folders: str) -> Iterator[Callable[[], int]]:
        """Carry out the first PUT below each of these folders of a bucket, and answer that S3 failed.

        The block gets a function that tells how many such answers are still due.
        """
        self._ask(f"{_LOSE}?{urlencode({'folder': folders}, doseq=True)}")
        yield lambda: int(self._ask(_LOSE))

    def _ask(self, page: str) -> Any:
        with urlopen(f"{self.endpoint}{page}", timeout=60) as answer:
            return json.load(answer)

    def make_bucket(self, name: str) -> None:
        """Make a bucket, of 3 characters or more."""
        self.client().create_bucket(Bucket=name)

    def client(self) -> Any:
        """Return boto3's client for this S3."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def flags(self) -> list[str]:
        """Return flags of a job with which its Spark finds this S3."""
        return [part for key, value in self.spark_settings().items() for part in ("--set", f'spark."{key}"="{value}"')]

    @property
    def variables(self) -> dict[str, str]:
        """The variables that lead boto3 of a process, and so its leases, to this S3."""
        return {"AWS_ENDPOINT_URL_S3": self.endpoint}

    def environment(self) -> dict[str, str]:
        """Return the environment of a process whose leases lie in this S3."""
        return os.environ | self.variables

    def spark_settings(self) -> dict[str, str]:
        """Return the settings of conf/s3a.toml, and those that lead Spark to this S3 in place of AWS'.

        Credentials come from the environment.
        """
        return {
            **load_settings("conf/s3a.toml").spark,
            "spark.hadoop.fs.s3a.endpoint": self.endpoint,
            "spark.hadoop.fs.s3a.endpoint.region": "us-east-1",
            "spark.hadoop.fs.s3a.path.style.access": "true",
        }


@contextmanager
def counted_s3(delay_seconds: float = 0.0) -> Iterator[CountedS3]:
    """Run the server on a free port of loopback while the block runs. Each answer waits for `delay_seconds` first."""
    port = free_port()
    command = [sys.executable, "-m", "support.counted_s3", str(port), str(delay_seconds)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not _listens(port):
            assert server.poll() is None, "the emulated S3 ended"
            time.sleep(0.05)
        yield CountedS3(f"http://127.0.0.1:{port}")
    finally:
        server.kill()
        server.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class _Hold:
    """The wish to hold one PUT below `folder`; nothing is held if that is empty."""

    def __init__(self, folder: str = "") -> None:
        self._folder = folder
        self._ended = Event()
        self._at_last = True
        self.has_taken = False

    def takes(self, key: str) -> bool:
        takes = bool(self._folder) and key.startswith(self._folder) and not self.has_taken
        self.has_taken = self.has_taken or takes
        return takes

    def wait(self) -> bool:
        """Wait for the end. Return True if the request is to be carried out then."""
        self._ended.wait()
        return self._at_last

    def end(self, *, at_last: bool) -> None:
        self._at_last = at_last
        self._ended.set()


class _Counting:
    """A WSGI application that notes the requests to another one."""

    def __init__(self, application: Callable[..., Iterable[bytes]], delay_seconds: float) -> None:
        self._application = application
        self._delay_seconds = delay_seconds
        self._lock = Lock()
        self._noted: list[Request] = []
        self._hold = _Hold()
        self._refused, self._refusal = "", ""
        self._to_lose: list[str] = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        query = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
        if environ["PATH_INFO"] in (_REQUESTS, _HOLD, _REFUSE, _LOSE):
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(self._answer(environ["PATH_INFO"], query)).encode()]
        time.sleep(self._delay_seconds)
        request = _request_of(environ, query)

        def note(status: str, *others: Any) -> Any:
            with self._lock:
                self._noted.append(replace(request, status=int(status.partition(" ")[0])))
            return start_response(status, *others)

        if self._refused and request.key.startswith(self._refused):
            code = _REFUSALS[self._refusal]
            body = f"<Error><Code>{code}</Code><Message>the emulator was told so</Message></Error>".encode()
            note(self._refusal, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
            return [] if request.kind == "HEAD" else [body]
        with self._lock:
            is_held = request.kind == "PUT" and self._hold.takes(request.key)
        if is_held and not self._hold.wait():
            note("503 Service Unavailable", [])
            return []
        if self._loses(request):
            list(self._application(environ, lambda *_: None))
            note("500 Internal Server Error", [("Content-Length", "0")])
            return []
        return self._application(environ, note)

    def _loses(self, request: Request) -> bool:
        with self._lock:
            folders = [one for one in self._to_lose if request.kind == "PUT" and request.key.startswith(one)]
            self._to_lose = [one for one in self._to_lose if one not in folders]
            return bool(folders)

    def _answer(self, page: str, query: dict[str, list[str]]) -> Any:
        if page == _REQUESTS:
            return [asdict(noted) for noted in self._noted[int(query["since"][0]) :]]
        if page == _LOSE:
            self._to_lose = query.get("folder", self._to_lose)
            return len(self._to_lose)
        if page == _REFUSE:
            self._refused, self._refusal = query["folder"][0], query["status"][0]
        elif "folder" in query:
            self._hold = _Hold(query["folder"][0])
        if "at_last" in query:
            self._hold.end(at_last=query["at_last"] == ["True"])
        return self._hold.has_taken


def _request_of(environ: dict[str, Any], query: dict[str, list[str]]) -> Request:
    method, key = environ["REQUEST_METHOD"], unquote(environ["PATH_INFO"])[1:].partition("/")[2]
    if method == "GET" and not key:
        return Request("LIST", query.get("prefix", [""])[0])
    if method == "POST":
        return Request("DELETE" if "delete" in query else "POST", key)
    return Request("COPY" if "HTTP_X_AMZ_COPY_SOURCE" in environ else method, key)


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *_: Any) -> None:
        pass


if __name__ == "__main__":
    moto = DomainDispatcherApplication(create_backend_app)
    run_simple(
        "127.0.0.1",
        int(sys.argv[1]),
        _Counting(moto, float(sys.argv[2])),
        threaded=True,
        request_handler=_Quiet,
    )
