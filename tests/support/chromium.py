"""Drive headless Chromium in tests by its DevTools protocol, over pipes, which needs no package.

Source: Chromium, content/browser/devtools/devtools_pipe_handler.cc. Messages are JSON that ends with NUL; the browser
reads them from the descriptor 3, and writes them to 4.
"""

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_FLAGS = [
    "--headless=new",
    "--no-sandbox",  # Chromium refuses to run as root with one, and the test shows only its own pages
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--remote-debugging-pipe",
    "--enable-unsafe-swiftshader",
]


class Page:
    """A tab of the browser. `requested` are the URLs that its page has requested, `complaints` the page's errors."""

    def __init__(self, to_browser: Any, from_browser: Any) -> None:
        self.requested: list[str] = []
        self.complaints: list[str] = []
        self._to, self._from = to_browser, from_browser
        self._last = 0
        self._session: str | None = None
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def show(self, width: int, height: int, *, dark: bool = False) -> None:
        """Give the window this size, in pixels, and turn dark mode on or off."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])

    def be_in(self, timezone: str) -> None:
        """Set the time zone for the pages that are opened from now on."""
        self._call("Emulation.setTimezoneOverride", timezoneId=timezone)

    def open(self, file: Path) -> None:
        """Load a file, and return when all scripts of the page have run. Forget what the page before requested."""
        self.requested.clear()
        self.complaints.clear()
        self._call("Page.navigate", url=file.resolve().as_uri())
        while self._next().get("method") != "Page.loadEventFired":
            pass

    def value(self, expression: str) -> Any:
        """Return the value of a JavaScript expression; a promise is awaited. Fail the test if the script raises."""
        answer = self._call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def save_picture(self, file: Path) -> None:
        """Save a picture of the whole page as PNG."""
        shot = self._call("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._last += 1
        message = {"id": self._last, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._to.write(json.dumps(message).encode() + b"\0")
        self._to.flush()
        while (answer := self._next()).get("id") != self._last:
            pass
        assert "error" not in answer, f"{method}: {answer['error']}"
        result: dict[str, Any] = answer["result"]
        return result

    def _next(self) -> dict[str, Any]:
        text = bytearray()
        while (byte := self._from.read(1)) != b"\0":
            assert byte, "Chromium ended"
            text += byte
        message: dict[str, Any] = json.loads(text)
        method, params = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requested.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.complaints.append(str(params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(params["entry"]["text"])
        return message


@contextmanager
def a_page(chromium: str, profile: Path) -> Iterator[Page]:
    """Run the program `chromium` while the block runs, with an empty profile in the folder `profile`.

    The block gets a tab of it.
    """
    read_by_it, to_it = os.pipe()
    from_it, written_by_it = os.pipe()
    descriptors = f'exec "$0" "$@" 3<&{read_by_it} 4>&{written_by_it}'
    command = ["bash", "-c", descriptors, chromium, *_FLAGS, f"--user-data-dir={profile}"]
    browser = subprocess.Popen(command, pass_fds=(read_by_it, written_by_it), stderr=subprocess.DEVNULL)
    os.close(read_by_it)
    os.close(written_by_it)
    try:
        with os.fdopen(to_it, "wb") as to_browser, os.fdopen(from_it, "rb") as from_browser:
            yield Page(to_browser, from_browser)
    finally:
        browser.terminate()
        browser.wait(timeout=30)
