"""Contracts: what their files may say, and what each mistake is told."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from event_lake.contracts.contract import COMMON, Column, Contract
from event_lake.contracts.load import load_contracts
from event_lake.errors import ConfigError
from event_lake.lake import schemas

LESSON = """
event_type = "lesson"
description = "A lesson."

[columns.score]
type = "Decimal( 5, 2 )"
required = true
description = "Points."
minimum = 0
maximum = 99.5

[columns.os]
type = "string"
path = "device.os"
allowed = ["ios", "web"]
subtypes = ["started"]
pii = true

[columns.model]
type = "string"
path = ["device.model", "name"]

[columns.due]
type = "date"
minimum = 2026-01-31
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "contracts"


def write(folder: Path, text: str, name: str = "lesson.toml") -> str:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, "utf-8")
    return str(folder)


def column(lines: str, name: str = "score") -> str:
    return f'event_type = "lesson"\n[columns.{name}]\n{lines}\n'


def test_a_file_says_all_that_a_contract_holds(folder: Path) -> None:
    expected = Contract(
        event_type="lesson",
        description="A lesson.",
        columns=(
            Column(
                name="score",
                type="decimal(5,2)",
                required=True,
                description="Points.",
                minimum=0,
                maximum=Decimal("99.5"),
            ),
            Column(
                name="os",
                type="string",
                path="device.os",
                allowed=("ios", "web"),
                subtypes=("started",),
                pii=True,
            ),
            Column(name="model", type="string", path=("device.model", "name")),
            Column(name="due", type="date", minimum=date(2026, 1, 31)),
        ),
    )
    assert load_contracts(write(folder, LESSON)) == {"lesson": expected}


def test_other_files_are_no_contracts(folder: Path) -> None:
    write(folder, "about them", "README.md")
    assert load_contracts(write(folder, LESSON)).keys() == {"lesson"}


def test_a_folder_that_is_not_there_is_an_error_with_a_remedy(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"staging.contracts = '.*contracts': no such folder; make it, or leave"):
        load_contracts(str(folder))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[columns", "can't be read as TOML"),
        ("columns = 3\nevent_type = 'lesson'", "columns = 3: not a section"),
        ("[columns.a]\ntype = 'int'", "event_type is missing"),
        ("event_type = 'lesson'", "columns: there are none"),
        (
            "event_type = 'a:b'\n[columns.a]\ntype = 'int'",
            "event_type = 'a:b': no first part of an event_name, see raw",
        ),
        (f"event_type = '{'字' * 28}'\n[columns.a]\ntype = 'int'", "as a folder's name it has more than 250 bytes"),
        ("event_type = 'lesson'\ncolum = 1", "unknown key colum; did you mean columns?"),
        ("event_type = 'lesson'\nowner = 1", "unknown key owner; known are event_type, description, columns"),
        ("event_type = 'lesson'\n[columns]\na = 'int'", "columns.a = 'int': not a section; write [columns.a] and its"),
        (column("typ = 'int'"), "unknown key columns.score.typ; did you mean columns.score.type?"),
        (column("required = true"), "columns.score.type is missing"),
        (column("type = 'int'\nname = 'points'"), "unknown key columns.score.name; known are columns.score.type"),
        (column("type = 'flaot'"), "columns.score.type = 'flaot': not a column's type; there are string, boolean"),
        (column("type = 'decimal(39,2)'"), "columns.score.type = 'decimal(39,2)': not a column's type"),
        (column("type = 'decimal(2,3)'"), "columns.score.type = 'decimal(2,3)': not a column's type"),
        (column("type = 'array<date>'"), "columns.score.type = 'array<date>': not a column's type"),
        (column("type = 'struct<a:int>'"), "objects, and what varies, go into a string as JSON text"),
        (column("type = 3"), "columns.score.type = 3: not a string"),
        (column("type = 'int'\nrequired = 'yes'"), "columns.score.required = 'yes': not true or false"),
        (column("type = 'int'\npath = 'a..b'"), "columns.score.path = 'a..b': not a path"),
        (column("type = 'int'\npath = []"), "columns.score.path = []: not a path"),
        (column("type = 'int'\npath = ['a', '']"), "columns.score.path = ['a', '']: not a path"),
        (column("type = 'int'\npath = 3"), "columns.score.path = 3: not a string or a list of strings"),
        (column("type = 'int'\nsubtypes = 'a'"), "columns.score.subtypes = 'a': not a list of strings"),
        (column("type = 'int'\nsubtypes = []"), "columns.score.subtypes = []: not a list of strings"),
        (column("type = 'int'\nsubtypes = ['']"), "columns.score.subtypes = ['']: not a list of strings"),
        (column("type = 'int'\nallowed = []"), "columns.score.allowed = []: not a list of values"),
        (column("type = 'int'\nallowed = ['1']"), "columns.score.allowed = ['1']: '1' is no int"),
        (
            column("type = 'int'\nallowed = [true]"),
            "columns.score.allowed = [True]: not a list of strings or whole numbers",
        ),
        (column("type = 'boolean'\nallowed = ['true']"), "columns.score.allowed = ['true']: not for a boolean"),
        (column("type = 'int'\nminimum = '0'"), "columns.score.minimum = '0': not a number or a date"),
        (column("type = 'string'\nminimum = 0"), "columns.score.minimum = 0: no bound of a string"),
        (column("type = 'date'\nmaximum = 9"), "columns.score.maximum = 9: no bound of a date"),
        (column("type = 'double'\nmaximum = nan"), "columns.score.maximum = 'NaN': no bound of a double"),
        (column("type = 'double'\nmaximum = 1e40"), "columns.score.maximum = '1E+40': too long for Spark"),
        (column("type = 'double'\nminimum = 1e-40"), "columns.score.minimum = '1E-40': too long for Spark"),
        (column(f"type = 'bigint'\nmaximum = {2**63}"), f"columns.score.maximum = {2**63}: too long for Spark"),
        (column(f"type = 'bigint'\nallowed = [1, {2**63}]"), f"{2**63} doesn't fit into 64 bits"),
        (column("type = 'int'\nminimum = 3\nmaximum = 2"), "columns.score.minimum = 3: above maximum = 2"),
        (column("type = 'int'", "'a b'"), "columns.a b: not a column's name"),
        (column("type = 'string'", "Date"), "columns.Date: a column that every typed table has"),
        (column("type = 'int'\n[columns.SCORE]\ntype = 'int'\npath = 'b'"), "two columns have this name"),
        (column("type = 'int'\n[columns.b]\ntype = 'int'\npath = 'score'"), "columns.b.path = 'score': two columns"),
        (
            column("type = 'int'\n[columns.b]\ntype = 'int'\npath = 'score.x'"),
            "columns.b.path = 'score.x': lies in what columns.score takes as a whole",
        ),
    ],
)
def test_a_mistake_is_told_in_one_line_that_names_the_file(folder: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_contracts(write(folder, text))
    message = str(raised.value)
    assert message.startswith(f"{folder}/lesson.toml: ")
    assert said in message
    assert "\n" not in message.removesuffix("\n")


@pytest.mark.parametrize("name", ["Order=20Completed.toml", "Order Completed.toml", "orders.toml", "größe.toml"])
def test_a_file_may_have_any_name_as_the_type_stands_in_it(folder: Path, name: str) -> None:
    text = column("type = 'int'").replace("lesson", "Order Completed")
    [contract] = load_contracts(write(folder, text, name)).values()
    assert (contract.event_type, contract.file) == ("Order Completed", name)


def test_two_files_of_one_type_are_refused(folder: Path) -> None:
    write(folder, column("type = 'int'"), "a.toml")
    with pytest.raises(ConfigError) as raised:
        load_contracts(write(folder, column("type = 'int'"), "b.toml"))
    said = "event_type = 'lesson': a.toml is a contract of this type, too; keep one of them"
    assert str(raised.value) == f"{folder}/b.toml: {said}"


def test_types_that_only_unicode_knows_as_alike_can_both_have_contracts(folder: Path) -> None:
    types = ("größe", "grÖße", "groesse", "e\u0301", "é", "É")
    for number, name in enumerate(types):
        write(folder, column("type = 'int'").replace("lesson", name), f"{number}.toml")
    assert tuple(load_contracts(str(folder))) == types


def test_types_that_differ_in_capitals_only_cannot_both_have_contracts(folder: Path) -> None:
    write(folder, column("type = 'int'"))
    text = column("type = 'int'").replace("lesson", "Lesson")
    try:
        with pytest.raises(
            ConfigError, match=r"event_type = 'lesson': differs from the type in Lesson.toml in capitals only; keep one"
        ):
            load_contracts(write(folder, text, "Lesson.toml"))
    finally:
        assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize(
    "name",
    ["a", "lesson-2", "-+@~!$,()", "x" * 200, "9", ".", "..", ".odd", "_odd", "a/b", "a b", "a\\b", "é", "字" * 27],
)
def test_most_event_types_can_have_contracts(name: str) -> None:
    assert Contract(event_type=name, columns=(Column(name="a", type="int"),)).event_type == name


@pytest.mark.parametrize("name", ["", "__other__", "a:b", "a\n", "x" * 201])
def test_what_is_no_event_type_cannot_have_a_contract(name: str) -> None:
    with pytest.raises(ConfigError, match="no first part of an event_name"):
        Contract(event_type=name, columns=(Column(name="a", type="int"),))


def test_a_comment_says_what_a_column_is_and_whether_it_is_personal() -> None:
    assert Column(name="a", type="int").comment == ""
    assert Column(name="a", type="int", pii=True).comment == "[personal data]"
    assert Column(name="a", type="int", pii=True, description="Who.").comment == "Who. [personal data]"


def test_the_common_columns_are_those_of_every_typed_table() -> None:
    assert list(COMMON) == schemas.TYPED.names


def test_the_contracts_in_conf_can_be_loaded() -> None:
    assert load_contracts("conf/contracts").keys() == {"account", "lesson", "page_view", "payment", "search"}
