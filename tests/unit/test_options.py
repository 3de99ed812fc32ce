from dataclasses import fields
from typing import Any

import pytest

from event_lake.config import Source
from event_lake.errors import ConfigError
from event_lake.kinesis.options import options_of, source_from, unbounded

ALL = Source(
    stream="s",
    region="eu-west-1",
    endpoint_url="http://localhost:1",
    start_from="latest",
    fail_on_data_loss=False,
    max_batch_seconds=5,
    max_batch_records=7,
)
TEXTS = {
    "streamName": "s",
    "region": "eu-west-1",
    "endpointUrl": "http://localhost:1",
    "initialPosition": "latest",
    "failOnDataLoss": "false",
    "maxBatchSeconds": "5",
    "maxRecordsPerBatch": "7",
}


def test_every_setting_is_an_option() -> None:
    assert options_of(ALL) == TEXTS
    assert len(TEXTS) == len(fields(Source)) - 1  # the connector is the format


@pytest.mark.parametrize("source", [ALL, Source(stream="s"), Source(stream="s", start_from='{"a": "TRIM_HORIZON"}')])
def test_options_and_settings_are_each_others_inverse(source: Source) -> None:
    assert source_from(options_of(source)) == source


def test_options_are_known_in_any_case() -> None:
    assert source_from({name.upper(): text for name, text in TEXTS.items()}) == ALL
    assert source_from({"streamname": "s", "FAILONDATALOSS": "True"}) == Source(stream="s")


def test_options_may_be_left_without_bounds() -> None:
    texts = {"STREAMNAME": "s", "MAXBATCHSECONDS": "5", "maxRecordsPerBatch": "7", "region": "r"}
    assert unbounded(texts) == {"STREAMNAME": "s", "region": "r"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "option streamName is missing: event_lake_kinesis needs the stream's name"),
        (
            {"streamName": "s", "shard": "1"},
            "option shard: unknown to event_lake_kinesis; it knows " + ", ".join(TEXTS),
        ),
        ({"streamName": "s", "maxBatchSeconds": "-1"}, "option maxBatchSeconds = '-1': not a whole number"),
        ({"streamName": "s", "maxRecordsPerBatch": "1e6"}, "option maxRecordsPerBatch = '1e6': not a whole number"),
        ({"streamName": "s", "failOnDataLoss": "no"}, "option failOnDataLoss = 'no': neither true nor false"),
        (
            {"streamName": "s", "maxBatchSeconds": "0"},
            "source.max_batch_seconds = 0: must be 1 second to a year of them",
        ),
    ],
)
def test_an_option_that_cannot_be_used_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        source_from(options)
    assert str(refused.value) == message
