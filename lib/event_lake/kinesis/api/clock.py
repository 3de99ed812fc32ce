"""Kinesis' clock, as far as its answers tell."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from event_lake.lake.time import EPOCH

# For how long an answer counts: this machine's own clock runs a little faster or slower, or stands while it sleeps.
_COUNTS_SECONDS = 600.0


class Clock:
    """The service's clock: at most a second slow and, but for the drift of some minutes, never fast.

    An HTTP date is whole seconds, rounded down: of many the latest, by the monotonic clock, is nearest.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        # The best of these minutes, which begin at `_since`, and of those before.
        self._ahead: timedelta | None = None
        self._ahead_before: timedelta | None = None
        self._since = 0.0

    @property
    def is_set(self) -> bool:
        """Whether there was an answer."""
        return self._ahead is not None

    def note(self, date: str) -> None:
        """Learn from an answer's `date` header, which came just now."""
        seconds = self._monotonic()
        ahead = parsedate_to_datetime(date) - EPOCH - timedelta(seconds=seconds)
        with self._lock:
            if self._ahead is None or seconds - self._since > _COUNTS_SECONDS:
                self._ahead_before, self._ahead, self._since = self._ahead, ahead, seconds
            self._ahead = max(ahead, self._ahead)

    def now(self) -> datetime:
        """The time there. Needs an answer first."""
        assert self._ahead is not None, "no answer yet"
        ahead = max(self._ahead, self._ahead_before or self._ahead)
        return EPOCH + timedelta(seconds=self._monotonic()) + ahead
