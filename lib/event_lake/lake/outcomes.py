"""Keep how the runs of a job ended, beside the leases: one object for each job, with its newest 20 runs.

EMR and Databricks tell a scheduler only that a run failed. From any machine that can read the lake, and without Spark,
`outcomes` tells how it ended.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from event_lake.config.lake_root import absolute_root, scheme_of
from event_lake.config.parsing import nearest, parse_instant
from event_lake.config.settings import Settings
from event_lake.errors import STOPPED, ConfigError, EventLakeError, ServiceUnavailableError, UserError
from event_lake.lake import formats
from event_lake.lake.failures import failure_of
from event_lake.lake.lease_stores import LeaseStore, lease_store

_log = logging.getLogger(__name__)

# The jobs whose outcomes are kept.
JOBS = ("ingest_raw", "build_staging", "reconcile", "check_quality", "quality_report", "propose_contracts")
_FORMAT = 1
_KEPT = 20
_ATTEMPTS = 5


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run of `job` ended. Times are in UTC.

    `last_line` is the line that the user saw last: the totals, or what went wrong. `window` says in words which batches
    or dates the run covered; it's empty if the run ended before it knew.
    """

    job: str
    run_id: str
    exit_code: int
    last_line: str
    window: str
    begun_at: datetime
    ended_at: datetime


class RunNotes:
    """What a run notes of itself on its way, for its outcome.

    The text of `window` is taken at the run's end. `last_line` and `exit_code` are for a run that ends without an
    error.
    """

    def __init__(self, job: str, run_id: str | None = None) -> None:
        self.job = job
        self.begun_at = datetime.now(UTC)
        self.id = run_id or f"{self.begun_at:%Y%m%dT%H%M%SZ}-{uuid4().hex[:8]}"
        self.window: object = ""
        self.last_line = ""
        self.exit_code = 0


@contextmanager
def keep_outcome(root: str, run: RunNotes) -> Iterator[None]:
    """Keep the outcome of the block, which is the run, in the lake at `root`, whether it ends well or raises.

    What it raises goes on, and nothing else is raised: an outcome that can't be kept is one warning. None is kept on
    storage that has no conditional writes, and where no local folder is.
    """
    code, line = None, ""
    try:
        yield
    except BaseException as error:
        code, line = _ending(error)
        raise
    finally:
        _keep(
            root,
            Outcome(
                job=run.job,
                run_id=run.id,
                exit_code=run.exit_code if code is None else code,
                last_line=run.last_line if code is None else line,
                window=str(run.window),
                begun_at=run.begun_at,
                ended_at=datetime.now(UTC),
            ),
        )


def outcomes(lake: Settings | str, job: str) -> Sequence[Outcome]:
    """Return how the newest runs of `job` ended, the last first, 20 at most. `lake` is settings, or a lake's root.

    A run that was killed, or that couldn't read its settings, isn't among them. Raise ConfigError if there's no such
    job, UserError if the lake's storage keeps no outcomes or can't be read, and ServiceUnavailableError if it stays
    out of reach.
    """
    root = lake if isinstance(lake, str) else lake.lake.root
    if job not in JOBS:
        raise ConfigError(f"no outcomes of a job {job!r} are kept; {nearest(job, JOBS)}")
    store = _store(root, job)
    if store is None:
        raise UserError(f"lake {root}: its storage keeps no outcomes; local folders and S3 do")
    return _parsed(store, (store.read() or (b"", None))[0])


def _ending(error: BaseException) -> tuple[int, str]:
    """Return the exit code and the line of a run that ends with `error`, without any value of a row."""
    if isinstance(error, KeyboardInterrupt):
        return STOPPED, "stopped"
    failure = failure_of(error)
    if failure is not None:
        return failure.exit_code, f"{type(failure).__name__}: {failure}"
    return EventLakeError.exit_code, f"{type(error).__name__}: its traceback is in the run's own output"


def _keep(root: str, outcome: Outcome) -> None:
    try:
        store = _store(root, outcome.job)
        # A root that isn't there may be a mistake, of which no folder is to be left.
        is_nowhere = scheme_of(root) is None and not Path(absolute_root(root)).is_dir()
        if store is None or is_nowhere:
            _log.debug("lake %s: nothing there keeps the outcome of run %s", root, outcome.run_id)
        else:
            _add(store, outcome)
    except Exception as error:  # noqa: BLE001 (a run's exit code is its own, whatever happens here)
        reason = str(error) if isinstance(error, EventLakeError) else type(error).__name__
        _log.warning("the outcome of run %s isn't kept: %s", outcome.run_id, reason)


def _store(root: str, job: str) -> LeaseStore | None:
    return lease_store(root, f"{job}-outcomes")


def _add(store: LeaseStore, outcome: Outcome) -> None:
    for _ in range(_ATTEMPTS):
        content, version = store.read() or (b"", None)
        before = _parsed(store, content)
        if outcome in before:
            return  # an earlier attempt succeeded, but its answer was lost
        fresh = _content([outcome, *before][:_KEPT])
        if (store.create(fresh) if version is None else store.replace(version, fresh)) is not None:
            return
    raise ServiceUnavailableError(f"lake {store.lake}: other runs of {outcome.job} ended at the same moment")


def _content(kept: Sequence[Outcome]) -> bytes:
    rows = [asdict(outcome) for outcome in kept]
    return json.dumps({formats.KEY: _FORMAT, "outcomes": rows}, indent=1, default=datetime.isoformat).encode()


def _parsed(store: LeaseStore, content: bytes) -> Sequence[Outcome]:
    """Return the outcomes in `content`; nothing is in it if somebody damaged it. Raise UserError for a newer format."""
    try:
        stored = json.loads(content or b"{}")
        rows = formats.without_format(f"lake {store.lake}: the file of outcomes", stored, _FORMAT).get("outcomes", [])
        return [_outcome(row) for row in rows]
    except (ValueError, TypeError, AttributeError, KeyError):
        return []


def _outcome(row: dict[str, Any]) -> Outcome:
    return Outcome(**row | {name: parse_instant(row[name]) for name in ("begun_at", "ended_at")})
