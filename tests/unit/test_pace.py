"""A query that takes less per trigger than arrives in it would never catch up."""

from dataclasses import replace
from datetime import timedelta

import pytest

from event_lake.config.files import load_settings
from event_lake.config.settings import Lake, Raw, Settings, Source
from event_lake.errors import ConfigError
from event_lake.raw.ingest import check_pace


def test_a_batch_of_less_than_two_triggers_is_refused() -> None:
    settings = Settings(
        source=Source(stream="s", max_batch_seconds=119),
        lake=Lake(root="l"),
        raw=Raw(trigger_interval=timedelta(minutes=1)),
    )
    with pytest.raises(ConfigError) as refused:
        check_pace(settings)
    assert str(refused.value) == (
        "source.max_batch_seconds = 119: one batch each raw.trigger_interval (60 s) would never catch up;"
        " set 120 or more"
    )
    check_pace(replace(settings, source=replace(settings.source, max_batch_seconds=120)))


@pytest.mark.parametrize("name", ["reference", "local", "dev", "prod"])
def test_every_shipped_configuration_catches_up(name: str) -> None:
    check_pace(load_settings(f"conf/{name}.toml"))
