"""What a checkpoint is held to."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from event_lake.errors import ConfigError
from event_lake.kinesis.offsets import At, Closed, Position, TrimHorizon
from event_lake.raw.beginning import Beginning, refuse_changes
from support.planned_batches import an_offset, at

FOUND = Beginning(
    stream="events",
    start_from="earliest",
    dedup_window=timedelta(hours=1),
    dedup_on="event_uuid",
    shuffle_partitions="4",
    first_batch=7,
)
WAY_OUT = "put it back, or: ingest_raw --new-checkpoint, given once, resumes from the ledger"
WINDOW = (
    "raw.dedup_window = '5400 seconds': the checkpoint has '3600 seconds', and events that came before would be"
    " remembered for that long only"
)


def refusal(**changed: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        refuse_changes(FOUND, replace(FOUND, **changed))
    return str(refused.value)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"stream": "x"},
            "source.stream = 'x': the checkpoint has 'events', and its positions are of that stream's shards",
        ),
        ({"dedup_window": timedelta(minutes=90)}, WINDOW),
        (
            {"dedup_on": "event_uuid+payload"},
            (
                "raw.dedup_on = 'event_uuid+payload': the checkpoint has 'event_uuid', and events that came before are"
                " remembered by that"
            ),
        ),
        (
            {"shuffle_partitions": "200"},
            (
                "spark.\"spark.sql.shuffle.partitions\" = '200': the checkpoint has '4', and Spark would go on with"
                " that, whatever it's told"
            ),
        ),
    ],
)
def test_a_changed_setting_is_told_with_both_values_the_reason_and_the_way_out(
    changed: dict[str, Any], message: str
) -> None:
    assert refusal(**changed) == f"{message}; {WAY_OUT}"


def test_all_changed_settings_are_told_at_once() -> None:
    message = refusal(shuffle_partitions="8", dedup_window=timedelta(minutes=90))
    assert message.startswith(f"{WINDOW}; spark.\"spark.sql.shuffle.partitions\" = '8': ")


def test_where_to_start_from_and_what_the_ledger_told_may_differ() -> None:
    refuse_changes(FOUND, replace(FOUND, start_from="latest", first_batch=0, holes={"a": "lost"}))


@pytest.mark.parametrize(
    ("named", "end", "entered"),
    [
        ("TRIM_HORIZON", TrimHorizon(), "TRIM_HORIZON"),
        # By Spark 4.1 the first batch isn't empty.
        ("TRIM_HORIZON", Closed(), "TRIM_HORIZON"),
        ("AT 2026-11-21T00:00:20Z", Closed(), "AT 2026-11-21T00:00:20+00:00"),
        # A time that lies ahead is the one at which the query begins.
        ("AT 2999-01-01T00:00:00Z", At(at(30).time), "AT 2026-11-21T00:00:30+00:00"),
        ("CLOSED", Closed(), "CLOSED"),
    ],
)
def test_the_first_ledger_rows_of_shards_without_records_say_where_these_began(
    named: str, end: Position, entered: str
) -> None:
    begun = replace(FOUND, start_from=json.dumps({"a": named}), gone={"z": "7"})
    assert begun.first_positions(an_offset(0, a=end, b=Closed())) == {"a": entered, "b": "CLOSED", "z": "7"}
