"""Kinesis' clock, as its answers show it."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from event_lake.lake.time import EPOCH

# The answers of such a period and of the one before it count. Older ones don't, as this machine's own clock runs a
# little faster or slower, or stands while the machine sleeps.
_COUNTS_SECONDS = 600.0


class Clock:
    """The service's clock: at most a second slow and never fast, but for some minutes' drift of this machine's clock.

    An HTTP date is in whole seconds, rounded down. So the answer whose date is furthest ahead of this machine's
    monotonic clock shows the service's clock best. Several threads may use it.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        # How far the service's clock is ahead of the monotonic one: the most in the current period of
        # _COUNTS_SECONDS, which begins at `_since`, and in the period before.
        self._ahead: timedelta | None = None
        self._ahead_before: timedelta | None = None
        self._since = 0.0

    @property
    def is_set(self) -> bool:
        """True if an answer was noted."""
        return self._ahead is not None

    def note(self, date: str) -> None:
        """Note the `Date` header of an answer that came just now."""
        seconds = self._monotonic()
        ahead = parsedate_to_datetime(date) - EPOCH - timedelta(seconds=seconds)
        with self._lock:
            if self._ahead is None or seconds - self._since > _COUNTS_SECONDS:
                self._ahead_before, self._ahead, self._since = self._ahead, ahead, seconds
            self._ahead = max(ahead, self._ahead)

    def now(self) -> datetime:
        """Return the service's time (UTC). An answer must have been noted before."""
        assert self._ahead is not None, "no answer yet"
        ahead = max(self._ahead, self._ahead_before or self._ahead)
        return EPOCH + timedelta(seconds=self._monotonic()) + ahead
