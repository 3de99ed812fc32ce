"""Ask the job that holds a lease to stop, wherever it runs, and wait for its end.

The request stands in the lease's record. So it's addressed to one owner: the next owner writes a record of its own. The
owner finds it with its next renewal, which is due within a third of the lease's length. No watcher takes the request
for a sign of the owner's life.
"""

import json
import logging
from dataclasses import dataclass
from datetime import timedelta

from event_lake.config.settings import Settings
from event_lake.errors import ConfigError, ServiceUnavailableError, UserError
from event_lake.lake.lease_record import LOOKS, PATIENCE, STOP_FIELD, LeaseRecord, now_text, parse_record
from event_lake.lake.lease_stores import LeaseStore, is_kept_by_spark, lease_store
from event_lake.lake.machine import Machine, current_user

_log = logging.getLogger(__name__)

# The layers that a job can hold the lease of.
LAYERS = ("raw", "staging")
USUAL_TIMEOUT = timedelta(minutes=10)
_ATTEMPTS = 3


@dataclass(frozen=True, kw_only=True)
class StopResult:
    """What became of a request to stop: the `job` as people know it, and how it ended, in words.

    `was_running` is False if the job had ended before it could be asked. Nothing of the request is left then.
    """

    job: str
    ended: str
    was_running: bool

    def __str__(self) -> str:
        return f"{self.job} {'' if self.was_running else 'was not running: it '}{self.ended}"


def stop(settings: Settings, layer: str = "raw", *, timeout: timedelta = USUAL_TIMEOUT) -> StopResult:
    """Ask the job that writes the lake's `layer` ("raw" or "staging") to stop, wait for its end, and return how it was.

    It may run on any machine. It sees the request within 20 s, finishes its batch or step, and ends with exit code 0.
    No Spark is needed. Raise what `open_request`, `StopRequest.ask` and `StopRequest.await_end` raise.
    """
    request = open_request(settings, layer)
    request.ask()
    return request.await_end(timeout)


def open_request(settings: Settings, layer: str) -> "StopRequest":
    """Return a request to the job that writes `layer`; nobody is asked yet.

    Raise ConfigError if there's no such layer, and UserError if the lake's storage can't hold a lease, or if
    only Spark reaches it.
    """
    if layer not in LAYERS:
        raise ConfigError(f"no layer {layer!r}: jobs write the layers {' and '.join(LAYERS)}")
    root = settings.lake.root
    store = None if is_kept_by_spark(settings.lake) else lease_store(root, layer)
    if store is None:
        reason = "no lease of it can be reached without Spark"
        raise UserError(f"lake {root}: {reason}, so its jobs can't be asked; stop them where they run")
    return StopRequest(store)


class StopRequest:
    """A request to the job that holds the lease in `store`: `ask` makes it, and `await_end` waits until it's met.

    `by` is who asks, by default the user of this process. Both methods raise what the store raises, too.
    """

    def __init__(self, store: LeaseStore, *, by: str | None = None, machine: Machine | None = None) -> None:
        self._store = store
        self._lake = f"lake {store.lake}"
        self._by = f"{by or current_user()} at {now_text()}"
        self._machine = machine or Machine()
        # The job as it was when it was asked, and the version of the record with our request in it.
        self._asked: LeaseRecord | None = None
        self._asked_at = 0.0
        self._version: str | None = None

    def ask(self) -> None:
        """Write the request into the lease's record, unless the job has ended, or was asked already.

        Raise UserError if there's no record, or what is there isn't one, and ServiceUnavailableError if the record
        changes each time that the request is to be written.
        """
        self._asked_at = self._machine.clock()
        for _ in range(_ATTEMPTS):
            content, version = self._store.read() or (b"", None)
            if version is None:
                raise UserError(f"{self._lake}: no job has ever written this layer; check lake.root")
            self._asked = job = parse_record(content)
            if job is None:
                raise UserError(f"{self._lake}: its lease can't be read; stop the job where it runs")
            if job.stop_asked_by == self._by:
                self._version = version  # an earlier write succeeded, but its answer was lost
            if self._end_of(job) or job.stop_asked_by:
                return
            self._version = self._store.replace(version, _with_request(content, self._by))
            if self._version is not None:
                _log.info("%s: asked %s to stop", self._lake, job)
                return
        raise ServiceUnavailableError(f"{self._lake}: its lease changed {_ATTEMPTS} times while a stop was asked for")

    def await_end(self, timeout: timedelta) -> StopResult:
        """Wait until the job has released its lease, or is seen to have ended without that. Return what was seen.

        A job that gives no sign of life for 1.25 of its lease's length has been killed, or can't reach the lake. If it
        gave none since it was asked, the request is taken back. Raise ServiceUnavailableError if the job lives, and
        goes on `timeout` after it was asked; the request stands then.
        """
        asked, clock = self._asked, self._machine.clock
        assert asked is not None, "ask comes first"
        newest, since = asked, clock()
        while True:
            found = parse_record((self._store.read() or (b"", None))[0])
            if found is not None and found.sign_of_life != newest.sign_of_life and found.owner == asked.owner:
                newest, since = found, clock()
            ended = self._end_of(found)
            if ended is None and clock() - since > PATIENCE * newest.length_seconds:
                ended = f"has given no sign of life for {PATIENCE * newest.length_seconds:g} s"
            was_running = newest is not asked
            if ended and (was_running or self._nothing_is_left()):
                return StopResult(job=str(asked), ended=ended, was_running=was_running)
            if was_running and clock() - self._asked_at >= timeout.total_seconds():
                raise ServiceUnavailableError(
                    f"{self._lake}: {asked} was asked to stop, and goes on after {timeout}: a batch may take longer;"
                    " the request stands, so ask again to wait for the end"
                )
            self._machine.sleep(newest.length_seconds / LOOKS)

    def _end_of(self, found: LeaseRecord | None) -> str | None:
        """Return how the job that was asked has ended, by the record found now, or None if it may live."""
        if found is None or self._asked is None or found.owner != self._asked.owner:
            return f"ended; its lease went to {found or 'somebody'}"
        if found.released:
            return f"ended at {found.renewed_at}"
        return "ended without releasing its lease: its process is gone" if found.is_dead(self._machine) else None

    def _nothing_is_left(self) -> bool:
        """Take our request back, if there's one. Return False if the record has changed: then look again."""
        if self._version is None:
            return True
        version, self._version = self._version, None
        content, newest = self._store.read() or (b"", None)
        return version == newest and self._store.replace(version, _with_request(content, "")) is not None


def _with_request(content: bytes, by: str) -> bytes:
    """Return the record with the request; `by` is empty for none. Fields that only a later version knows are kept."""
    return json.dumps({**json.loads(content), STOP_FIELD: by}, indent=1).encode()
