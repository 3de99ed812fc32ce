"""What a ledger's history shows."""

from datetime import UTC, datetime, timedelta

import pytest

from event_lake.reconciliation.ledger_history import Commit, find_changes

NINE = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def commits(*operations: str) -> list[Commit]:
    """A version a minute from nine on; "RESTORE 3" restores version 3, "WRITE" appends."""
    made = []
    for version, done in enumerate(operations):
        operation, _, rest = done.partition(" to ")
        mode = {"WRITE": "Append", "OVERWRITE": "Overwrite"}.get(operation)
        made.append(
            Commit(
                version=version,
                at=NINE + timedelta(minutes=version),
                operation="WRITE" if mode else operation,
                mode=mode,
                restored=int(rest) if rest else None,
            )
        )
    return made


def versions(*operations: str, since: datetime | None = None) -> list[str]:
    return [fault.place.split()[1] for fault in find_changes(commits(*operations), since) if fault.place]


def test_appends_and_upkeep_are_no_faults() -> None:
    assert versions("CREATE TABLE", "WRITE", "OPTIMIZE", "VACUUM START", "VACUUM END", "WRITE") == []


@pytest.mark.parametrize("operation", ["ROW TRACKING BACKFILL", "REMOVE COLUMN MAPPING", "REORG", "DROP FEATURE"])
def test_what_comes_of_a_feature_that_is_switched_on_or_off_is_no_fault(operation: str) -> None:
    assert versions("CREATE TABLE", "WRITE", "SET TBLPROPERTIES", operation, "WRITE") == []


@pytest.mark.parametrize(
    "operation", ["DELETE", "UPDATE", "MERGE", "OVERWRITE", "TRUNCATE", "RESTORE", "DROP COLUMNS", "What next"]
)
def test_anything_else_is_named_with_its_version_and_time(operation: str) -> None:
    [fault] = find_changes(commits("CREATE TABLE", "WRITE", operation, "WRITE"), None)
    assert fault.place == "version 2 of raw/ledger"
    assert fault.what.endswith("at 2026-11-21T09:02:00+00:00; ingest_raw only appends")


def test_a_change_that_was_taken_back_is_no_fault() -> None:
    assert versions("CREATE TABLE", "WRITE", "DELETE", "RESTORE to 1", "WRITE") == []


def test_what_was_appended_since_is_not_to_be_taken_back() -> None:
    assert versions("CREATE TABLE", "WRITE", "DELETE", "WRITE", "RESTORE to 1") == ["4"]
    assert versions("CREATE TABLE", "WRITE", "DELETE", "WRITE", "RESTORE to 1", "RESTORE to 3") == ["2"]


def test_a_change_that_is_restored_is_a_fault_again() -> None:
    assert versions("CREATE TABLE", "WRITE", "DELETE", "RESTORE to 1", "RESTORE to 2") == ["2"]


def test_a_restore_of_a_version_that_the_log_has_forgotten_is_a_fault() -> None:
    forgotten = commits("CREATE TABLE", "WRITE", "WRITE", "RESTORE to 0")[2:]
    assert [fault.place for fault in find_changes(forgotten, None)] == ["version 3 of raw/ledger"]


def test_what_was_changed_before_a_window_does_not_touch_it() -> None:
    operations = ("CREATE TABLE", "DELETE", "WRITE", "DELETE")
    assert versions(*operations, since=NINE + timedelta(minutes=2)) == ["3"]
    assert versions(*operations, since=NINE + timedelta(minutes=1)) == ["1", "3"]
