"""What reconcile prints."""

import json
from datetime import UTC, datetime

import pytest

from event_lake.errors import DataLossError
from event_lake.lake.window import Window
from event_lake.reconciliation.rules import Check, Fault
from event_lake.reconciliation.verdict import Comparison, FaultsFound, ShardSums, Verdict

NINE = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
TEN = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
SHARD = ShardSums(
    stream="events",
    shard_id="shardId-0",
    rows=60,
    first_batch=7,
    last_batch=66,
    read=12_345,
    raw=12_000,
    quarantined=45,
    duplicates=300,
)


def a_fault(batch_id: int = 7, check: Check = Check.RAW) -> Fault:
    return Fault(
        check=check, what="rows", stream="events", shard_id="shardId-0", batch_id=batch_id, place="after 1 up to 9"
    )


def a_verdict(*faults: Fault, comparison: Comparison | None = None) -> Verdict:
    found = FaultsFound()
    found.add(faults)
    return Verdict(
        lake="/lake",
        window=Window(NINE, None),
        shards=[SHARD],
        faults=found,
        notes=["batch 67: under way"],
        comparison=comparison,
    )


def compared(*, put: int, most: int = 103) -> Comparison:
    return Comparison(begin=NINE, end=TEN, put=put, least=99, most=most)


def test_people_see_the_shards_the_checks_the_faults_and_what_else_there_is() -> None:
    assert a_verdict(a_fault()).as_text() == (
        """\
/lake, ingested from 2026-11-21T09:00:00+00:00

stream  shard      batches  rows    read     raw  duplicates  quarantined
events  shardId-0  7 to 66    60  12,345  12,000         300           45
all                           60  12,345  12,000         300           45

ok          each ledger row balances: read = raw + quarantined + duplicates
ok          each range lies after its start
ok          a shard has one ledger row for a batch
ok          a shard's ranges meet: each starts where the one before ended
ok          nothing expired before it was read
1 at fault  raw/events has the rows that the ledger counts
ok          raw/quarantine has the rows that the ledger counts
ok          the ledger has the shard and batch of each row
ok          each row's sequence number lies in its range
ok          the ledger was only appended to
ok          ingest_raw found no loss that nobody has acknowledged

raw: shardId-0, batch 7, after 1 up to 9: rows

note: batch 67: under way"""
    )


def test_machines_get_the_same() -> None:
    printed = json.loads(json.dumps(a_verdict(a_fault(), comparison=compared(put=100)).as_json()))
    assert {name: printed[name] for name in ("lake", "from", "to", "more_faults", "notes")} == {
        "lake": "/lake",
        "from": "2026-11-21T09:00:00+00:00",
        "to": None,
        "more_faults": 0,
        "notes": ["batch 67: under way"],
    }
    assert printed["shards"][0]["read"] == 12_345
    assert [printed["checks"][key]["faults"] for key in ("raw", "chain", "cloudwatch")] == [1, 0, 0]
    assert printed["faults"] == [
        {
            "check": "raw",
            "what": "rows",
            "stream": "events",
            "shard_id": "shardId-0",
            "batch_id": 7,
            "place": "after 1 up to 9",
        }
    ]
    assert printed["cloudwatch"] == {
        "begin": "2026-11-21T09:00:00+00:00",
        "end": "2026-11-21T10:00:00+00:00",
        "put": 100,
        "least": 99,
        "most": 103,
    }


def test_of_many_faults_those_of_the_oldest_batches_are_shown_and_all_are_counted() -> None:
    verdict = a_verdict(*map(a_fault, reversed(range(100))), a_fault(5, Check.CHAIN))
    assert [fault.batch_id for fault in verdict.faults.first] == [5, *range(12)]
    assert "\nraw: and 88 more\n" in verdict.as_text()
    assert verdict.as_json()["more_faults"] == 88


def test_faults_are_a_loss_and_none_are_not() -> None:
    a_verdict().refuse_faults()
    with pytest.raises(DataLossError, match=r"^raw: shardId-0, batch 7, after 1 up to 9: rows$"):
        a_verdict(a_fault()).refuse_faults()
    with pytest.raises(DataLossError, match=r"batch 7.*rows \(and 1 more\)"):
        a_verdict(a_fault(8), a_fault(7)).refuse_faults()


def test_more_that_was_put_than_can_have_been_read_is_missing() -> None:
    fault = compared(put=105).fault
    assert fault
    assert str(fault) == (
        "cloudwatch: arrived from 2026-11-21T09:00:00+00:00 until 2026-11-21T10:00:00+00:00: 105 records were put, and"
        " at most 103 read: 2 are missing"
    )


@pytest.mark.parametrize("put", [103, 0])
def test_what_may_all_have_been_read_is_no_fault(put: int) -> None:
    assert compared(put=put).fault is None
