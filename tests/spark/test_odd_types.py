"""Events whose types have names of any characters, from raw to the typed tables."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from event_lake import functions
from event_lake.config.event_names import ANY
from event_lake.config.settings import Lake, Raw, Settings, Source
from event_lake.config.type_folders import folder_of
from event_lake.contracts.load import load_contracts
from event_lake.contracts.propose import Sampling, propose_contracts
from event_lake.errors import ConfigError
from event_lake.lake import layout, tables
from event_lake.lake.ledger import Totals
from event_lake.lake.opened import OpenLake
from event_lake.lake.schemas import OTHER
from event_lake.staging.build import build_staging
from event_lake.staging.write import Staged
from support.odd_types import LONGEST_TYPE, ODD_IN_SQL, ODD_TYPES
from support.raw_layers import Event, RawLayer, settings_of
from support.record_frames import write_first_batch
from support.sent import an_event

RAW = Raw(name_characters=ANY)
COLUMN = '[columns.x]\ntype = "bigint"\n'


def test_each_type_has_its_partition_in_raw_and_the_longest_lie_in_other(spark: SparkSession, root: str) -> None:
    names = (*ODD_TYPES, LONGEST_TYPE)
    data = [an_event(event_uuid=str(number), event_name=f"{name}:x") for number, name in enumerate(names)]
    totals = write_first_batch(spark, root, [*data, an_event(event_name="a\u2028b")], RAW)
    assert totals == Totals(read=len(names) + 1, raw=len(names), quarantined=1)
    rows = tables.read(spark, root, layout.RAW_EVENTS).collect()
    assert sorted((row.event_type, row.true_event_type) for row in rows) == sorted(
        (OTHER if name == LONGEST_TYPE else name, name) for name in names
    )
    own = tables.read(spark, root, layout.EVENT_TYPES).collect()
    assert sorted(row.event_type for row in own) == sorted(ODD_TYPES)
    for name in ODD_TYPES:
        [row] = tables.read(spark, root, layout.RAW_EVENTS).where(F.col("event_type") == name).collect()
        assert row.event_name == f"{name}:x"


def test_each_type_can_have_a_contract(spark: SparkSession, root: str, tmp_path: Path) -> None:
    folder = tmp_path / "contracts"
    raw, settings = RawLayer(spark, root), settings_of(root, contracts=str(folder))
    raw.gains(*(Event(event_type=name, says='{"x":1}', arrived=9) for name in ODD_TYPES))
    raw.gains(Event(event_type=LONGEST_TYPE, says='{"x":1}', partition=OTHER))
    raw.compact()
    raw.vacuum()
    proposed = propose_contracts(spark, settings, Sampling(), str(folder), force=False)
    assert proposed.left_out == {LONGEST_TYPE: "its name is too long for a contract"}
    assert sorted(proposed.written) == sorted(f"{folder_of(name)}.toml" for name in ODD_TYPES)
    assert load_contracts(str(folder)).keys() == set(ODD_TYPES)


@pytest.mark.slow
def test_events_with_contracts_are_typed_replaced_and_rejected(spark: SparkSession, root: str, tmp_path: Path) -> None:
    names = (*ODD_IN_SQL, "a/../b")
    for number, name in enumerate(names):
        (tmp_path / f"{number}.toml").write_text(
            f"event_type = {json.dumps(name, ensure_ascii=False)}\n{COLUMN}", "utf-8"
        )
    raw, settings = RawLayer(spark, root), settings_of(root, contracts=str(tmp_path))
    raw.gains(*(Event(event_type=name, says='{"x":1}', arrived=9) for name in names))
    assert build_staging(spark, settings) == Staged(came=3, inserted=3)
    raw.gains(*(Event(event_type=name, says='{"x":2}', number=50, arrived=5) for name in ODD_IN_SQL))
    raw.gains(Event(event_type="a/../b", uuid="b", says='{"x":"no"}'))
    assert build_staging(spark, settings) == Staged(came=3, inserted=1, replaced=2)
    staging = OpenLake(spark, root).staging
    assert list(staging.types) == sorted(names)
    assert LONGEST_TYPE not in staging.types
    found = {name: [row.x for row in rows.collect()] for name, rows in staging.types.items()}
    assert found == {name: [2 if name in ODD_IN_SQL else 1] for name in names}
    assert [row.event_type for row in staging.rejected.collect()] == ["a/../b"]
    assert staging.events.count() == len(names) + 1


def test_a_folder_that_no_type_has_is_not_among_the_typed_tables(spark: SparkSession, root: str) -> None:
    Path(root, layout.TYPED_TABLES, "my backup").mkdir(parents=True)
    types = OpenLake(spark, root).staging.types
    assert list(types) == []
    with pytest.raises(KeyError, match="no table of the type 'my backup'"):
        _ = types["my backup"]


@pytest.fixture
def ascii_only(spark: SparkSession) -> Iterator[None]:
    """Have Java say what it says in the locale C."""
    system = spark._jvm.System  # type: ignore[union-attr]
    encoding = system.setProperty("sun.jnu.encoding", "ANSI_X3.4-1968")
    yield
    system.setProperty("sun.jnu.encoding", encoding)


@pytest.mark.usefixtures("ascii_only")
def test_a_local_lake_refuses_names_that_its_folders_cannot_have(spark: SparkSession, root: str) -> None:
    settings = Settings(source=Source(stream="events"), lake=Lake(root=root), raw=RAW)
    with pytest.raises(ConfigError) as raised:
        functions.build_staging(spark, settings)
    assert str(raised.value) == (
        "raw.name_characters = 'any': Java writes names of local folders in ANSI_X3.4-1968 here; start the job with"
        " LC_ALL=C.UTF-8"
    )
    functions.open_lake(spark, Settings(source=Source(stream="events"), lake=Lake(root=root)))
