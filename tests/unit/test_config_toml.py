"""The reader of tables: one mistake has one wording, wherever it's made."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from event_lake.config.settings import Lake, Progress, Quality, Raw, Settings, Source, Staging
from event_lake.config.toml import name_in_errors, read_table, read_toml
from event_lake.contracts.contract import Column, Contract
from event_lake.errors import ConfigError
from event_lake.quality.thresholds import Rule

FROM_FILES = (Settings, Source, Lake, Raw, Staging, Quality, Progress, Contract, Column, Rule)


@dataclass(frozen=True, kw_only=True)
class Part:
    name: str
    size: int
    price: float | None = None


@dataclass(frozen=True, kw_only=True)
class Step:
    wait: timedelta | None = None


@dataclass(frozen=True, kw_only=True)
class Whole:
    text: str | None = None
    value: int | Decimal | date | None = None
    choice: str | tuple[str, ...] | None = None
    parts: tuple[Part, ...] = ()
    steps: tuple[Step, ...] = ()
    waits: Mapping[str, timedelta] = field(default_factory=dict)
    last: Step | None = None


def test_a_table_becomes_what_the_type_hints_say() -> None:
    table = {
        "value": Decimal("1.5"),
        "choice": ["a"],
        "parts": {"wheel": {"size": 4, "price": 2}},
        "steps": [{"wait": "1 hour"}, {}],
        "waits": {"a": "2 days"},
        "last": {},
    }
    assert read_table(Whole, table) == Whole(
        value=Decimal("1.5"),
        choice=("a",),
        parts=(Part(name="wheel", size=4, price=2),),
        steps=(Step(wait=timedelta(hours=1)), Step()),
        waits={"a": timedelta(days=2)},
        last=Step(),
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(date(2026, 1, 31), "2026-01-31"), (datetime(2026, 1, 31, tzinfo=UTC), "2026-01-31T00:00:00+00:00")],
)
def test_a_date_is_text_where_text_is_wanted_and_a_date_where_it_may_be_one(value: date, text: str) -> None:
    assert read_table(Whole, {"text": value, "value": value}) == Whole(text=text, value=value)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"parts": []}, "parts = []: not a section; write [parts.<name>] and its keys below"),
        ({"parts": {"wheel": 3}}, "parts.wheel = 3: not a section; write [parts.wheel] and its keys below"),
        ({"parts": {"wheel": {}}}, "parts.wheel.size is missing; set parts.wheel.size = …"),
        (
            {"parts": {"wheel": {"name": "a"}}},
            "unknown key parts.wheel.name; known are parts.wheel.size, parts.wheel.price",
        ),
        ({"steps": [{}, {"wait": 3}]}, 'step 2: wait = 3: not a duration; write it like "10 minutes"'),
        ({"waits": {"a": 3}}, 'waits."a" = 3: not a duration; write it like "10 minutes"'),
        ({"last": 3}, "last = 3: not a section; write [last] and its keys below"),
    ],
)
def test_a_mistake_is_told_where_it_was_made(table: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_table(Whole, table)
    assert str(refused.value) == message


@pytest.mark.parametrize("price", [True, "1", float("nan"), float("inf"), 10**400])
def test_only_what_a_float_can_hold_is_a_number(price: object) -> None:
    with pytest.raises(ConfigError, match=r"a\.price = .*: not a number; write it like 0\.01"):
        read_table(Part, {"size": 1, "price": price}, "a.", name="wheel")


@pytest.mark.parametrize(
    ("cls", "key"), [(cls, f.name) for cls in FROM_FILES for f in fields(cls) if (cls, f.name) != (Column, "name")]
)
def test_every_key_of_every_file_has_a_remedy_for_a_value_of_another_type(cls: type, key: str) -> None:
    known = {"name": "score"} if cls is Column else {}
    with pytest.raises(ConfigError) as refused:
        read_table(cls, {key: time(9)}, "a.", **known)
    assert re.fullmatch(rf"a\.{key} = datetime\.time\(9, 0\): not [^;]+; write [^\n]+", str(refused.value))


def test_a_file_is_read_with_fractions_as_they_are_wanted(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("a = 0.10")
    assert read_toml(file, "a file", "another") == {"a": 0.1}
    assert str(read_toml(file, "a file", "another", Decimal)["a"]) == "0.10"


def test_a_file_that_cannot_be_read_is_told_as_the_caller_names_it(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("a = ")
    with pytest.raises(ConfigError, match=r"^my file: no such file; another shows what it may hold$"):
        read_toml(tmp_path / "none.toml", "my file", "another")
    with pytest.raises(ConfigError, match=r"^my file: can't be read as TOML: [^\n]+$"):
        read_toml(tmp_path / "a.toml", "my file", "another")


def test_only_errors_of_configuration_get_a_place_in_front() -> None:
    with pytest.raises(ConfigError, match=r"^here: no good$"), name_in_errors("here"):
        raise ConfigError("no good")
    with pytest.raises(ZeroDivisionError, match=r"^division by zero$"), name_in_errors("here"):
        raise ZeroDivisionError("division by zero")
