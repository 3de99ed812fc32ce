"""Names of tables in a catalog: readable, and another one for each type."""

import re

import pytest

from event_lake.config.settings import Lake
from event_lake.errors import ConfigError
from event_lake.lake import layout
from event_lake.lake.catalog_names import catalog_name, is_same_place, typed_name
from support.odd_types import ODD_TYPES


@pytest.mark.parametrize(
    ("event_type", "name"),
    [
        ("page_view", "type_page_view"),
        ("OrderCompleted", "type_ordercompleted"),
        ("Order Completed", "type_order_completed__"),
        ("order.completed", "type_order_completed__"),
        ("a__b", "type_a_b__"),
        ("größe", "type_gr_e__"),
        ("цена", "type___"),
    ],
)
def test_a_type_is_still_read_from_the_name_of_its_table(event_type: str, name: str) -> None:
    assert re.sub("__[0-9a-f]{8}$", "__", typed_name(event_type)) == name


def test_each_type_has_a_name_of_its_own_that_every_catalog_takes() -> None:
    types = {*ODD_TYPES, "a b", "a_b", "a__b", "a-b", "a.b", "_a_b", "a_b_", "x" * 200, "x" * 201, "a_b__00000000"}
    names = {typed_name(event_type) for event_type in types}
    assert len(names) == len({event_type.lower() for event_type in types})
    assert all(re.fullmatch(r"type_[a-z0-9_]{1,123}", name) for name in names)


def test_no_typed_table_can_have_the_name_of_another_table() -> None:
    names = [catalog_name(table.name) for table in (*layout.RAW, *layout.STAGING)]
    assert len({*names}) == len(names)
    assert not any(name.startswith("type_") for name in names)


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("file:/lake/raw/events", "/lake/raw/events"),
        ("file:///lake/raw/events/", "/lake/raw/events"),
        ("s3://lake/raw/events/", "s3a://lake/raw/events"),
        ("s3a://lake/raw/events", "s3://lake/raw/events"),
        ("hdfs://name:8020/lake/raw/events", "hdfs://name:8020/lake/raw/events"),
    ],
)
def test_a_place_is_the_same_however_a_catalog_writes_it(location: str, path: str) -> None:
    assert is_same_place(location, path)


@pytest.mark.parametrize("location", ["", "/lake2/raw/events", "s3://lake/raw/events", "file:/lake/raw/events/old"])
def test_another_place_is_another_table(location: str) -> None:
    assert not is_same_place(location, "/lake/raw/events")


@pytest.mark.parametrize("catalog", ["events", "spark_catalog.events", "main.my-events"])
def test_a_catalog_is_a_schema_or_a_catalog_and_a_schema(catalog: str) -> None:
    assert Lake(root="lake", catalog=catalog).catalog == catalog


@pytest.mark.parametrize("catalog", ["", "a.b.c", ".events", "events.", "a b", "`events`", "glue/events", "größe"])
def test_what_is_no_schema_of_a_catalog_is_refused(catalog: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Lake(root="lake", catalog=catalog)
    assert str(refused.value) == (
        f'lake.catalog = {catalog!r}: no schema of a catalog; write it like "events" or "main.events", of ASCII'
        " letters, digits, _ and -"
    )
