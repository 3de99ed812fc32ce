"""Run what documents show, on a lake in this folder, in one process: one Java starts quicker than many.

`python -m support.documented_runs URL DOCUMENT …` makes the lake as the demo does, from the emulated Kinesis at URL.
Then it runs each document's blocks in their order, and prints a JSON object for each: its place, the exit code of its
last command, and what was printed.
"""

import io
import json
import runpy
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

from event_lake.__main__ import main as event_lake
from support.documents import Block, jobs_in, local_blocks_of

_EVENTS = "3000"


class Shell:
    """The Python of `make shell`, which a document may leave and come back to."""

    def __init__(self) -> None:
        self._names: dict[str, Any] = {}

    def run(self, text: str) -> None:
        """Run Python in the shell, which is opened if it isn't open."""
        self._names = self._names or runpy.run_path("tools/shell.py")
        exec(compile(text, "block", "exec"), self._names)

    def leave(self) -> None:
        """End the shell, if it's open: a job makes a session of its own."""
        if self._names:
            self._names["session"].close()
        self._names = {}


def main(url: str, documents: list[str]) -> None:
    """Make the lake, run the documents, and print what came of each block."""
    for job, *flags in (
        ["generate-events", "--count", _EVENTS],
        ["ingest-raw", "--until-caught-up"],
        ["build-staging"],
    ):
        settings = ["--config", "conf/local.toml", "--set", f"source.endpoint_url={url}"]
        code, said = _outcome(partial(event_lake, [job, *settings, *flags]))
        assert code == 0, said
    for document in documents:
        shell = Shell()
        for block in local_blocks_of(Path(document)):
            code, said = _outcome(partial(_run, block, shell))
            print(json.dumps({"block": str(block), "code": code, "said": said}), flush=True)
        shell.leave()


def _run(block: Block, shell: Shell) -> int:
    if block.language == "python":
        shell.run(block.text)
        return 0
    shell.leave()
    return [event_lake(arguments) for arguments in jobs_in(block)][-1]


def _outcome(run: Callable[[], int]) -> tuple[int | None, str]:
    """Return the exit code of `run`, None if it raises, and what it printed."""
    said = io.StringIO()
    try:
        with redirect_stdout(said):
            return run(), said.getvalue()
    except (Exception, SystemExit):  # noqa: BLE001 (the test tells of whatever it is)
        return None, said.getvalue() + traceback.format_exc()


if __name__ == "__main__":
    sys.argv, (_, endpoint, *names) = ["tools/shell.py"], sys.argv
    main(endpoint, names)
