"""How far a run of build_staging is, as a bar on a terminal."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

_WIDTH = 20


@dataclass(frozen=True)
class Ahead:
    """What a run found in raw/events at its start: the newest `version`, which has so many `files`."""

    version: int
    files: int


def share_done(start: str | None, end: str, ahead: Ahead) -> float:
    """How much of what was ahead of a run it has taken, 0 to 1.

    `start` and `end` are where its first step began and its last one ended: JSON of Delta's source, None where there
    was no checkpoint. That is the version of the table that comes next, or while the first version of all is taken,
    the number of a file in it.
    """
    began, ended = json.loads(start or "null"), json.loads(end)
    if ended["isStartingVersion"]:
        taken, all_of_it = ended["index"] + 1, ahead.files
    elif began is None or began["isStartingVersion"]:
        return 1.0
    else:
        begin = began["reservoirVersion"]
        taken, all_of_it = ended["reservoirVersion"] - begin, ahead.version + 1 - begin
    return min(1.0, float(taken) / max(1, all_of_it))


class Bar:
    """Shows a run's steps by `show`, in one line; `clock` in seconds."""

    def __init__(self, show: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._show = show
        self._clock = clock
        self._began = clock()

    def tell(self, share: float | None, events: int) -> None:
        """Show that `events` were taken, a `share` of all; None while no step is done."""
        seconds = self._clock() - self._began
        if share is None:
            self._show(f"staging: the first step runs, {seconds:.0f} s")
            return
        bar = "#" * round(share * _WIDTH)
        rate = events / seconds if seconds else 0.0
        left = f", {timedelta(seconds=round(seconds / share - seconds))} left" if 0 < share < 1 else ""
        self._show(f"staging [{bar:-<{_WIDTH}}] {share:.0%} | {events:,} events, {rate:,.0f}/s{left}")
