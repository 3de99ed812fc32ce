"""Whether the ledger's history shows anything but appends. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from event_lake.reconciliation.rules import Check, Fault

# None of these takes a row away or changes one: upkeep, and what comes of switching a table's features on and off.
# Source: Delta 4.4.0, DeltaOperations.scala.
_HARMLESS = {
    "CREATE TABLE",
    "OPTIMIZE",
    "OPTIMIZE CHECKPOINT",
    "REORG",
    "VACUUM START",
    "VACUUM END",
    "SET TBLPROPERTIES",
    "UNSET TBLPROPERTIES",
    "ADD COLUMNS",
    "CHANGE COLUMN",
    "CHANGE COLUMNS",
    "ADD CONSTRAINT",
    "DROP CONSTRAINT",
    "UPGRADE PROTOCOL",
    "DROP FEATURE",
    "REMOVE COLUMN MAPPING",
    "ROW TRACKING BACKFILL",
    "ROW TRACKING UNBACKFILL",
    "Deletion Vector Tombstones",
    "DOMAIN METADATA CLEANUP",
    "Empty Commit",
    "COMPUTE STATS",
}


@dataclass(frozen=True, kw_only=True)
class Commit:
    """A version of a Delta table, as DESCRIBE HISTORY tells it; `mode` of a WRITE, `restored` of a RESTORE."""

    version: int
    at: datetime
    operation: str
    mode: str | None = None
    restored: int | None = None


@dataclass(frozen=True)
class _State:
    """What has happened to the rows that a version holds."""

    appends: int = 0
    changes: tuple[Commit, ...] = ()


def find_changes(commits: Iterable[Commit], since: datetime | None) -> list[Fault]:
    """The commits from `since` on that took rows of the ledger away, or changed them, as far as that is still so.

    A RESTORE to a version takes back what came behind it, which is a fault only if rows were appended there; one by
    time is always a fault, as the history doesn't tell its version. What was done before `since` can't have
    changed rows that came later.
    """
    states: dict[int, _State] = {}
    state = _State()
    for commit in sorted(commits, key=lambda commit: commit.version):
        restored = None if commit.restored is None else states.get(commit.restored)
        if restored is not None and restored.appends >= state.appends:
            state = restored
        elif restored is not None:
            state = _State(restored.appends, (*restored.changes, commit))
        elif commit.operation == "WRITE" and commit.mode == "Append":
            state = _State(state.appends + 1, state.changes)
        elif commit.operation not in _HARMLESS:
            state = _State(state.appends, (*state.changes, commit))
        states[commit.version] = state
    return [_fault(commit) for commit in state.changes if since is None or commit.at >= since]


def _fault(commit: Commit) -> Fault:
    what = f"{commit.operation} at {commit.at.isoformat(timespec='seconds')}; ingest_raw only appends"
    return Fault(check=Check.CHANGED, place=f"version {commit.version} of raw/ledger", what=what)
