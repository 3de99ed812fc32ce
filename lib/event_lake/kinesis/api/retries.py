"""Repeats calls that Kinesis throttles or fails to answer: with full jitter, for a bounded time, and counted."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from event_lake.errors import ServiceUnavailableError

T = TypeVar("T")
_log = logging.getLogger(__name__)

# A shard answers 5 GetRecords a second to all its readers. The first delay is 0.2 s on average: one call's share.
_FIRST_DELAY_SECONDS = 0.4
_LONGEST_DELAY_SECONDS = 10.0


class ThrottledError(Exception):
    """Kinesis, or the key service KMS behind it, asks to slow down."""


class TransientError(Exception):
    """A call timed out, its connection broke, half an answer came, or the service failed."""


@dataclass
class Calls:
    """Counts of calls: all that were made, repetitions included, and those that were throttled or failed."""

    made: int = 0
    throttled: int = 0
    failed: int = 0


class Retrying:
    """Repeats a call that fails, for up to `patience_seconds`, and counts in `calls`. Several threads may use it."""

    def __init__(
        self,
        calls: Calls,
        *,
        patience_seconds: float,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        rng: Random | None = None,
    ) -> None:
        self._calls = calls
        self._patience = patience_seconds
        self._lock = threading.Lock()
        self._sleep = sleep
        self._clock = clock
        self._rng = rng or Random()  # noqa: S311 (jitter is no secret)

    def __call__(self, call: Callable[[], T]) -> T:
        """Return what `call` returns, and repeat it while it raises ThrottledError or TransientError.

        Raise ServiceUnavailableError with the last error's message once `patience_seconds` don't allow another attempt.
        """
        begun = self._clock()
        attempt = 0
        while True:
            with self._lock:
                self._calls.made += 1
            try:
                return call()
            except (ThrottledError, TransientError) as error:
                with self._lock:
                    self._calls.throttled += isinstance(error, ThrottledError)
                    self._calls.failed += isinstance(error, TransientError)
                delay, reason = self._delay(attempt), error
                if self._clock() + delay - begun > self._patience:
                    raise ServiceUnavailableError(f"{error} ({attempt + 1} times)") from error
            _log.info("asking again in %.1f s: %s", delay, reason)
            self._sleep(delay)
            attempt += 1

    def _delay(self, attempt: int) -> float:
        # With full jitter few of the readers that Kinesis refused at once come back at the same time.
        return self._rng.uniform(0, min(_LONGEST_DELAY_SECONDS, _FIRST_DELAY_SECONDS * 2 ** min(attempt, 10)))
