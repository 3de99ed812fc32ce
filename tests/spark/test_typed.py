"""Typed rows: what of a payload reads as which type, and what is told of the rest."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession

from event_lake.contracts.contract import Column
from event_lake.lake.schemas import REJECTED
from event_lake.staging.typed import select_rejected, select_typed, typed_schema
from support.staged_events import Event, a_contract, frame

COLUMNS = (
    Column(name="s", type="string"),
    Column(name="i", type="int"),
    Column(name="l", type="bigint"),
    Column(name="d", type="double"),
    Column(name="n", type="decimal(6,2)"),
    Column(name="m", type="decimal(38,18)"),
    Column(name="b", type="boolean"),
    Column(name="keeps", type="int"),
    Column(name="day", type="date"),
    Column(name="at", type="timestamp"),
    Column(name="ss", type="array<string>"),
    Column(name="ls", type="array<bigint>"),
    Column(name="ds", type="array<double>"),
    Column(name="os", type="string", path=("device", "os")),
    Column(name="deep", type="int", path=("device", "a.b", "ключ")),
    Column(name="upper", type="int", path=("I",)),
)
WRONG = "wrong_type"
NINE = datetime(2026, 11, 21, 9, tzinfo=UTC)

# A payload, and what its columns are that aren't null.
GOOD: list[tuple[str, dict[str, Any]]] = [
    ("{}", {}),
    ('{"s":null,"i":null,"n":null,"day":null,"at":null,"ss":null,"device":null}', {}),
    ('{"s":"","other":[[1]]}', {"s": ""}),
    ('{"s":"\\u00e9 😀\\n"}', {"s": "é 😀\n"}),
    ('{"s":404}', {"s": "404"}),
    ('{"s":true}', {"s": "true"}),
    ('{"s":1.10}', {"s": "1.10"}),
    ('{"s":-0.12345678901234567890123}', {"s": "-0.12345678901234567890123"}),
    ('{"s":1e400}', {"s": "1e400"}),
    ('{"s":1E-7}', {"s": "1E-7"}),
    ('{"s":0.0001}', {"s": "0.0001"}),
    ('{"s":12345678.5}', {"s": "12345678.5"}),
    ('{"s":[62.38,0.0,-0.5]}', {"s": "[62.38,0.0,-0.5]"}),
    ('{"s":"1.50 \\"\\\\"}', {"s": '1.50 "\\'}),
    ('{"s":"Infinity","ss":[1.10,"1.10",{"a":1.10}]}', {"s": "Infinity", "ss": ["1.10", "1.10", '{"a":1.10}']}),
    ('{"other":"\\\\\\" 1.0","s":{"b": [1.50, "1.50\\"", {"a":1e400}]}}', {"s": '{"b":[1.50,"1.50\\"",{"a":1e400}]}'}),
    ('{"s":1.10,"i":1,"device":{"os":2.50}}', {"s": "1.10", "i": 1, "os": "2.50"}),
    ('{"\\u0073":1.50}', {"s": "1.50"}),
    (
        '{"s":1.10,"device":{"os":"\ufdd1\ufdd2\ufdd3\ufdd31 \\\\ufdd1"}}',
        {"s": "1.10", "os": "\ufdd1\ufdd2\ufdd3\ufdd31 \\ufdd1"},
    ),
    ('{"s":[1.10,"\\uFDD11","\\ufdd2"]}', {"s": '[1.10,"\ufdd11","\ufdd2"]'}),
    (
        '{"n":1,"m":1.00000000000000001e5,"s":"\ufdd1"}',
        {"n": Decimal(1), "m": Decimal("100000.000000000001"), "s": "\ufdd1"},
    ),
    ('{"s":{"b": [1, {"a":null}]}}', {"s": '{"b":[1,{"a":null}]}'}),
    ('{"i":2147483647,"l":-9223372036854775808}', {"i": 2147483647, "l": -9223372036854775808}),
    ('{"i":-0}', {"i": 0}),
    ('{"i":1,"I":2}', {"i": 1, "upper": 2}),
    ('{"i":1,"i":2}', {"i": 2}),
    ('{"i":1,"i":null}', {}),
    ('{"d":7}', {"d": 7.0}),
    ('{"d":1e3}', {"d": 1000.0}),
    ('{"d":-1.5E-2}', {"d": -0.015}),
    ('{"n":12.5}', {"n": Decimal("12.50")}),
    ('{"n":"12.50"}', {"n": Decimal("12.50")}),
    ('{"n":1e2}', {"n": Decimal("100.00")}),
    ('{"n":1e2,"m":1.00000000000000001e5}', {"n": Decimal(100), "m": Decimal("100000.000000000001")}),
    ('{"n":0.125}', {"n": Decimal("0.13")}),
    ('{"n":9999.99}', {"n": Decimal("9999.99")}),
    ('{"b":false,"keeps":1}', {"b": False, "keeps": 1}),
    ('{"day":"2028-02-29"}', {"day": date(2028, 2, 29)}),
    ('{"at":"2026-11-21T09:00:00Z"}', {"at": NINE}),
    ('{"at":"2026-11-21T10:00:00+01:00"}', {"at": NINE}),
    ('{"at":"2026-11-21 09:00:00"}', {"at": NINE}),
    ('{"at":"2026-11-21T09:00Z"}', {"at": NINE}),
    ('{"at":"2026-11-21 09:00 UTC"}', {"at": NINE}),
    ('{"at":"2026-11-21T09:00:00 UTC"}', {"at": NINE}),
    ('{"at":"2026-11-21T14:30:00.5+0530"}', {"at": NINE.replace(microsecond=500_000)}),
    ('{"at":"20261121T090000Z"}', {"at": NINE}),
    ('{"at":"20261121T0900-00"}', {"at": NINE}),
    ('{"at":"20261121T100000.25+0100"}', {"at": NINE.replace(microsecond=250_000)}),
    ('{"at":"2026-11-21T09:00:00.1234567Z"}', {"at": NINE.replace(microsecond=123456)}),
    ('{"ss":[],"ls":[],"ds":[]}', {"ss": [], "ls": [], "ds": []}),
    ('{"ss":["a",null,1,{"b":2}]}', {"ss": ["a", None, "1", '{"b":2}']}),
    ('{"ls":[1,null]}', {"ls": [1, None]}),
    ('{"ds":[1,2.5,null]}', {"ds": [1.0, 2.5, None]}),
    ('{"device":{"os":"iOS","a.b":{"ключ":5}}}', {"os": "iOS", "deep": 5}),
    ('{"device":{"a":{"b":1},"a.b":{}}}', {}),
    ('{"x":' + "[" * 99 + "]" * 99 + ',"i":1}', {"i": 1}),
]
# A payload, and what is told of it.
BAD: list[tuple[str, list[tuple[str | None, str]]]] = [
    ('{"i":"404"}', [("i", WRONG)]),
    ('{"i":3.0}', [("i", WRONG)]),
    ('{"i":1e3}', [("i", WRONG)]),
    ('{"i":2147483648,"l":9223372036854775808}', [("i", WRONG), ("l", WRONG)]),
    ('{"i":true}', [("i", WRONG)]),
    ('{"i":""}', [("i", WRONG)]),
    ('{"i":[1]}', [("i", WRONG)]),
    ('{"d":"1.5"}', [("d", WRONG)]),
    ('{"d":"NaN"}', [("d", WRONG)]),
    ('{"d":1e999}', [("d", WRONG)]),
    ('{"n":10000}', [("n", WRONG)]),
    ('{"n":"12,50"}', [("n", WRONG)]),
    ('{"n":" 1"}', [("n", WRONG)]),
    ('{"n":true}', [("n", WRONG)]),
    ('{"n":{"a":1,"a":2}}', [("n", WRONG)]),
    ('{"b":"true"}', [("b", WRONG)]),
    ('{"b":1}', [("b", WRONG)]),
    ('{"day":"2026-02-30"}', [("day", WRONG)]),
    ('{"day":"2026-11-21T09:00:00Z"}', [("day", WRONG)]),
    ('{"day":20261121}', [("day", WRONG)]),
    ('{"at":1795251600}', [("at", WRONG)]),
    ('{"at":"2026-11-21"}', [("at", WRONG)]),
    ('{"at":"2026-11-21T10Z"}', [("at", WRONG)]),
    ('{"at":"20261121T10:00Z"}', [("at", WRONG)]),
    ('{"at":"2026-11-21T09:00:00 CET"}', [("at", WRONG)]),
    ('{"at":"2026-11-21T25:00:00Z"}', [("at", WRONG)]),
    ('{"ls":[1,"2"]}', [("ls", WRONG)]),
    ('{"ls":[1.5]}', [("ls", WRONG)]),
    ('{"ls":5}', [("ls", WRONG)]),
    ('{"ds":[1e999]}', [("ds", WRONG)]),
    ('{"ss":"a"}', [("ss", WRONG)]),
    ('{"device":"iOS"}', [("os", WRONG), ("deep", WRONG)]),
    ('{"device":[1],"d":1}', [("os", WRONG), ("deep", WRONG)]),
    ('{"device":{"os":"iOS","a.b":3}}', [("deep", WRONG)]),
    ('{"i":1,"i":"x"}', [(None, "unreadable")]),
    ('{"x":' + "1" * 3000 + "}", [(None, "unreadable")]),
]


def test_each_value_reads_as_the_rules_say_and_each_event_is_in_one_of_the_two(spark: SparkSession) -> None:
    payloads = [payload for payload, _ in [*GOOD, *BAD]]
    rows = frame(spark, [Event(uuid=str(at), payload=payload) for at, payload in enumerate(payloads)])
    contract = a_contract(*COLUMNS)
    typed = select_typed(rows, contract)
    assert [(f.name, f.dataType) for f in typed.schema] == [(f.name, f.dataType) for f in typed_schema(contract)]
    found = {row.event_uuid: _values(row.asDict()) for row in typed.collect()}
    assert {payloads[int(uuid)]: values for uuid, values in found.items()} == dict(GOOD)
    rejected = select_rejected(rows, contract)
    assert rejected.schema.names == REJECTED.names
    assert {
        payloads[int(row.event_uuid)]: [tuple(reason) for reason in row.reasons] for row in rejected.collect()
    } == dict(BAD)


def _values(row: dict[str, Any]) -> dict[str, Any]:
    values = {column.name: row[column.name] for column in COLUMNS if row[column.name] is not None}
    if isinstance(values.get("at"), datetime):
        values["at"] = values["at"].astimezone(UTC)
    return values


def test_required_allowed_and_bounded_values_are_told_apart_and_subtypes_have_columns_of_their_own(
    spark: SparkSession,
) -> None:
    contract = a_contract(
        Column(name="who", type="string", required=True),
        Column(name="level", type="string", allowed=("A1", "B2")),
        Column(name="tries", type="int", allowed=(1, 2)),
        Column(name="share", type="double", minimum=0, maximum=1),
        Column(name="price", type="decimal(5,2)", minimum=Decimal("0.01")),
        Column(name="due", type="date", maximum=date(2026, 12, 31)),
        Column(name="score", type="int", required=True, subtypes=("finished", "graded")),
        Column(name="at", type="timestamp", subtypes=("graded",)),
    )
    wrong_at = '"at":"soon"'
    cases: list[tuple[str, str, list[tuple[str, str]]]] = [
        ("lesson:started", '{"who":"u"}', []),
        ("lesson", '{"who":"u","score":"none",' + wrong_at + "}", []),
        ("lesson:started", '{"who":"u","score":"none"}', []),
        ("lesson:finished", '{"who":"u","score":5,' + wrong_at + "}", []),
        ("lesson:finished", '{"who":"u"}', [("score", "missing")]),
        ("lesson:graded", '{"who":"u","score":"5",' + wrong_at + "}", [("score", WRONG), ("at", WRONG)]),
        ("lesson:started", '{"who":null}', [("who", "missing")]),
        ("lesson:started", "{}", [("who", "missing")]),
        ("lesson:started", '{"who":"u","level":"B2","tries":2,"share":1,"price":0.01,"due":"2026-12-31"}', []),
        ("lesson:started", '{"who":"u","level":"b2","tries":3}', [("level", "not_allowed"), ("tries", "not_allowed")]),
        (
            "lesson:started",
            '{"share":-0.1,"price":"0.001","due":"2027-01-01"}',
            [("who", "missing"), ("share", "out_of_range"), ("price", "out_of_range"), ("due", "out_of_range")],
        ),
        ("lesson:started", '{"who":"u","share":1.5,"due":7}', [("share", "out_of_range"), ("due", WRONG)]),
    ]
    events = [Event(uuid=str(at), name=name, payload=payload) for at, (name, payload, _) in enumerate(cases)]
    rows = frame(spark, events)
    kept = {int(row.event_uuid): (row.score, row["at"]) for row in select_typed(rows, contract).collect()}
    rejected = {
        int(row.event_uuid): [tuple(one) for one in row.reasons] for row in select_rejected(rows, contract).collect()
    }
    assert rejected == {at: reasons for at, (_, _, reasons) in enumerate(cases) if reasons}
    assert kept == {
        at: (5 if name == "lesson:finished" else None, None)
        for at, (name, _, reasons) in enumerate(cases)
        if not reasons
    }


@pytest.mark.parametrize("rows_of", [select_typed, select_rejected])
def test_a_payload_is_parsed_once(spark: SparkSession, rows_of) -> None:
    contract = a_contract(Column(name="i", type="int", required=True), Column(name="d", type="double", minimum=0))
    plan = rows_of(frame(spark, [Event()]), contract)._jdf.queryExecution().optimizedPlan()
    parsing = [line for line in str(plan).splitlines() if "from_json(StructField(i,IntegerType" in line]
    assert len(parsing) == 1
