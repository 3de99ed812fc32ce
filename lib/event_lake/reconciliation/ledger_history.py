"""Find commits in the ledger's history that removed or changed rows: ingest_raw only appends. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from event_lake.reconciliation.rules import Check, Fault

# None of these operations removes or changes a row: they are upkeep, or follow when somebody switches a table's
# features on or off. Source: Delta 4.4.0, DeltaOperations.scala.
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
    """A commit to a Delta table, as DESCRIBE HISTORY shows it.

    `mode` is the mode of a WRITE, like "Append". `restored` is the version that a RESTORE names; None if it names a
    time.
    """

    version: int
    at: datetime
    operation: str
    mode: str | None = None
    restored: int | None = None


@dataclass(frozen=True)
class _State:
    """The number of appends that led to a version of the table, and the commits that changed rows on the way to it."""

    appends: int = 0
    changes: tuple[Commit, ...] = ()


def find_changes(commits: Iterable[Commit], since: datetime | None) -> list[Fault]:
    """Return a fault for each commit from `since` on that removed or changed rows of the ledger.

    Commits that were taken back are left out. A RESTORE to a version takes back all later commits, and is a fault only
    if one of them appended rows. A RESTORE to a time is always a fault, as the history doesn't show which version that
    was. Commits before `since` are left out, as they can't have changed rows that came later.
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
