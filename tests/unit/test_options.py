from dataclasses import fields
from typing import Any

import pytest

from event_lake.config.settings import Raw, Source
from event_lake.errors import ConfigError
from event_lake.kinesis.options import options_of, settings_from, without_bounds

ALL = Source(
    stream="s",
    region="eu-west-1",
    endpoint_url="http://localhost:1",
    start_from="latest",
    fail_on_data_loss=False,
    max_batch_seconds=5,
    max_batch_records=7,
)
ALL_OF_RAW = Raw(compression="auto", payload_split="lines", max_events_per_record=8, max_payload_bytes=9)
TEXTS = {
    "streamName": "s",
    "region": "eu-west-1",
    "endpointUrl": "http://localhost:1",
    "initialPosition": "latest",
    "failOnDataLoss": "false",
    "maxBatchSeconds": "5",
    "maxRecordsPerBatch": "7",
    "compression": "auto",
    "payloadSplit": "lines",
    "maxEventsPerRecord": "8",
    "maxPayloadBytes": "9",
}


def test_every_setting_of_the_source_is_an_option_and_how_records_are_unpacked() -> None:
    assert options_of(ALL, ALL_OF_RAW) == TEXTS
    assert len(TEXTS) == len(fields(Source)) - 1 + 4  # the connector is the format


def test_records_are_not_unpacked_unless_asked_for() -> None:
    unpacking = {"compression": "none", "payloadSplit": "none", "maxPayloadBytes": "10485760"} | {
        "maxEventsPerRecord": "100000"
    }
    assert options_of(Source(stream="s")).items() >= unpacking.items()
    assert settings_from({"streamName": "s"}) == (Source(stream="s"), Raw())


@pytest.mark.parametrize("raw", [Raw(), ALL_OF_RAW])
@pytest.mark.parametrize("source", [ALL, Source(stream="s"), Source(stream="s", start_from='{"a": "TRIM_HORIZON"}')])
def test_options_and_settings_are_each_others_inverse(source: Source, raw: Raw) -> None:
    assert settings_from(options_of(source, raw)) == (source, raw)


def test_options_are_known_in_any_case() -> None:
    assert settings_from({name.upper(): text for name, text in TEXTS.items()}) == (ALL, ALL_OF_RAW)
    assert settings_from({"streamname": "s", "FAILONDATALOSS": "True"}) == (Source(stream="s"), Raw())


def test_options_may_be_left_without_bounds() -> None:
    texts = {"STREAMNAME": "s", "MAXBATCHSECONDS": "5", "maxRecordsPerBatch": "7", "region": "r"}
    assert without_bounds(texts) == {"STREAMNAME": "s", "region": "r"}


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
        ({"streamName": "s", "compression": "gzip"}, "raw.compression = 'gzip': not known; write one of none, auto"),
        (
            {"streamName": "s", "payloadSplit": "true"},
            "raw.payload_split = 'true': not known; write one of none, lines, objects, array, cloudwatch_logs",
        ),
        ({"streamName": "s", "maxPayloadBytes": "10 MiB"}, "option maxPayloadBytes = '10 MiB': not a whole number"),
        ({"streamName": "s", "maxPayloadBytes": "0"}, "raw.max_payload_bytes = 0: must be 1 to 134,217,728"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        settings_from(options)
    assert str(refused.value) == message
