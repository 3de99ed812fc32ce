"""How far a run of build_staging is, as a bar on a terminal."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread

_WIDTH = 20


class Bar:
    """Shows by `show`, in one line, how much of about so many `rows` a run has taken; `clock` in seconds."""

    def __init__(self, show: Callable[[str], None], rows: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._show = show
        self._rows = rows
        self._clock = clock
        self._began = clock()
        self._steps = 0
        self._taken = 0

    def took(self, rows: int) -> None:
        """Show that a step is done, which took so many rows."""
        self._steps += 1
        self._taken += rows
        self.tick()

    def tick(self) -> None:
        """Show for how long the run has lasted."""
        seconds = self._clock() - self._began
        if not self._steps:
            self._show(f"staging: the first step runs, {seconds:.0f} s")
            return
        # Raw may have lost some of them since they were counted.
        share = min(1.0, self._taken / max(1, self._rows))
        bar = "#" * round(share * _WIDTH)
        rate = self._taken / seconds if seconds else 0.0
        left = f", {timedelta(seconds=round(seconds / share - seconds))} left" if 0 < share < 1 else ""
        self._show(f"staging [{bar:-<{_WIDTH}}] {share:.0%} | {self._taken:,} events, {rate:,.0f}/s{left}")

    @contextmanager
    def ticking(self, seconds: float = 1.0) -> Iterator[None]:
        """Tick from time to time while the block runs."""
        over = Event()

        def tick() -> None:
            while not over.wait(seconds):
                self.tick()

        thread = Thread(target=tick, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
