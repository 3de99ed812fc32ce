"""Put a proxy before an emulated Kinesis that holds a call, so that a test knows what a job's process is doing."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from support.emulators import Stream
from support.http_servers import serving


class _Hold:
    """The wish to hold the first GetRecords from a local port that `is_held`. `caller` gets that port."""

    def __init__(self, is_held: Callable[[int], bool]) -> None:
        self.caller: Future[int] = Future()
        self.ended = threading.Event()
        self._is_held = is_held
        self._lock = threading.Lock()

    def takes(self, port: int) -> bool:
        with self._lock:
            takes = not self.caller.done() and self._is_held(port)
            if takes:
                self.caller.set_result(port)
            return takes


class HeldCalls:
    """A proxy at `url` for the Kinesis at `endpoint`."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.url = ""
        self._hold: _Hold | None = None

    def stream(self, name: str) -> Stream:
        """Return the stream of this name, which is read by way of the proxy."""
        return Stream(name, self.url)

    @contextmanager
    def holding(self, is_held: Callable[[int], bool]) -> Iterator[Future[int]]:
        """Hold the first GetRecords from a local port that `is_held` while the block runs.

        The block gets the future of that port, by which the system tells the calling process.
        """
        hold = self._hold = _Hold(is_held)
        try:
            yield hold.caller
        finally:
            self._hold = None
            hold.ended.set()

    def wait(self, action: str, port: int) -> None:
        """Return at once, or if the call is held, when it is no longer."""
        hold = self._hold
        if hold and action.endswith(".GetRecords") and hold.takes(port):
            hold.ended.wait()


@contextmanager
def held_calls(endpoint: str) -> Iterator[HeldCalls]:
    """Run the proxy on a free port of loopback while the block runs."""
    calls = HeldCalls(endpoint)
    with serving(type("Handler", (_Handler,), {"calls": calls})) as calls.url:
        yield calls


class _Handler(BaseHTTPRequestHandler):
    calls: HeldCalls
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.calls.wait(self.headers["X-Amz-Target"], self.client_address[1])
        kinesis = HTTPConnection(urlsplit(self.calls.endpoint).netloc)
        try:
            kinesis.request("POST", "/", body, dict(self.headers))
            answer = kinesis.getresponse()
            answered = answer.read()
        finally:
            kinesis.close()
        with suppress(ConnectionError):  # The caller of a held call may have been killed.
            self.send_response_only(answer.status)
            for name in ("Date", "Content-Type"):
                self.send_header(name, str(answer.headers[name]))
            self.send_header("Content-Length", str(len(answered)))
            self.end_headers()
            self.wfile.write(answered)

    def log_message(self, *_: object) -> None:
        """Log nothing."""
