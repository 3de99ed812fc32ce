"""What tables are made with, by what a session has as its defaults."""

from event_lake.lake.table_properties import NEWER_PROPERTIES, PROPERTIES, explicit_properties


def test_a_property_that_an_older_delta_refuses_is_left_out() -> None:
    assert explicit_properties(lambda _: False) == PROPERTIES


def test_a_newer_property_is_told_where_the_session_has_a_default_of_it() -> None:
    default = "spark.databricks.delta.properties.defaults.parquet.format.version"
    assert explicit_properties(lambda name: name == default) == PROPERTIES | {"delta.parquet.format.version": "1.0.0"}


def test_no_property_is_told_twice() -> None:
    assert PROPERTIES.keys().isdisjoint(NEWER_PROPERTIES)
