"""Evolution: which changes of a contract its table can take."""

from itertools import product

import pytest

from event_lake.contracts.contract import Column, Contract
from event_lake.contracts.evolution import Evolution, TableColumn, holds_all_of, plan_evolution
from event_lake.errors import UserError

SCALARS = ["string", "boolean", "int", "bigint", "double", "date", "timestamp"]
DECIMALS = ["decimal(9,0)", "decimal(10,0)", "decimal(19,0)", "decimal(21,2)", "decimal(21,3)"]
TYPES = [*SCALARS, *DECIMALS, "array<int>", "array<bigint>", "array<double>", "array<string>"]
WIDER = {
    "int": {"bigint", "double", "decimal(10,0)", "decimal(19,0)", "decimal(21,2)", "decimal(21,3)"},
    "bigint": {"decimal(19,0)", "decimal(21,2)"},
    "date": {"timestamp"},
    "decimal(9,0)": {"decimal(10,0)", "decimal(19,0)", "decimal(21,2)", "decimal(21,3)"},
    "decimal(10,0)": {"decimal(19,0)", "decimal(21,2)", "decimal(21,3)"},
    "decimal(19,0)": {"decimal(21,2)"},
    "array<int>": {"array<bigint>", "array<double>"},
}


def a_contract(*columns: Column) -> Contract:
    return Contract(event_type="lesson", columns=columns, file="lesson.toml")


def test_a_type_is_wider_only_if_it_holds_each_value_exactly() -> None:
    expected = {(wide, narrow) for narrow in TYPES for wide in {narrow} | WIDER.get(narrow, set())}
    assert {pair for pair in product(TYPES, TYPES) if holds_all_of(*pair)} == expected


def test_wider_than_wider_is_wider() -> None:
    for a, b, c in product(TYPES, TYPES, TYPES):
        if holds_all_of(a, b) and holds_all_of(b, c):
            assert holds_all_of(a, c)


def test_new_columns_wider_types_and_new_descriptions_are_taken() -> None:
    new = Column(name="new", type="string")
    wide = Column(name="wide", type="bigint")
    described = Column(name="described", type="int", description="Says more.")
    same = Column(name="same", type="int")
    held = {"event_uuid": TableColumn("string"), "date": TableColumn("date")}
    held |= {"same": TableColumn("int"), "wide": TableColumn("int"), "described": TableColumn("int", "Said.")}
    found = plan_evolution(a_contract(new, wide, described, same), held)
    assert found == Evolution(added=(new,), widened=(("int", wide),), described=(described,))
    assert found.lines() == [
        "adds new string, null in old rows",
        "widens wide from int to bigint",
        "describes described anew",
    ]


def test_a_table_that_has_all_is_left_alone() -> None:
    assert not plan_evolution(
        a_contract(Column(name="a", type="int")), {"a": TableColumn("int"), "date": TableColumn("date")}
    )


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"gone": TableColumn("int")}, "column gone (int) is in the table but not in the contract"),
        ({"a": TableColumn("bigint")}, "column a is bigint in the table, and int can't hold all of its values"),
        ({"a": TableColumn("string")}, "column a is string in the table, and int can't hold all of its values"),
        ({"A": TableColumn("int")}, "column A (int) is in the table but not in the contract"),
    ],
)
def test_what_would_lose_values_is_refused_with_file_column_types_and_remedy(
    held: dict[str, TableColumn], said: str
) -> None:
    with pytest.raises(UserError) as raised:
        plan_evolution(a_contract(Column(name="a", type="int")), held)
    assert str(raised.value) == (
        f"lesson.toml: {said}; put it back as it was (a new meaning needs a new column), or move the folder"
        " staging/types/lesson away and build its dates anew with build_staging --from"
    )
