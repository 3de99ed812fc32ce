"""What the judge says of records that are known to be hard, and what it takes for that."""

import pickle
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from socket import gethostname

import pytest

from event_lake.config.settings import Fields, Raw
from event_lake.errors import UserError, error_in_traceback
from event_lake.events.judge import Judgement, judge
from event_lake.events.reasons import REASONS
from event_lake.events.rules import Rules
from event_lake.json_reader import DEEPEST
from support.poison import harmless, heavy, poison
from support.sent import ARRIVED, an_event, with_tokens

RULES = Rules.of(Raw())
KIB = 1024


def reasons(data: bytes, rules: Rules = RULES) -> list[str]:
    return list(judge(data, ARRIVED.timestamp(), rules).reasons)


def test_each_record_of_the_hostile_corpus_has_its_reasons() -> None:
    assert [(data, expected) for data, expected in poison() if reasons(data) != expected] == []


def test_megabytes_of_poison_have_their_reasons() -> None:
    assert [(data[:80], expected) for data, expected in heavy() if reasons(data) != expected] == []


def test_what_only_looks_like_poison_is_an_event() -> None:
    assert [data[:80] for data in harmless() if reasons(data)] == []


def test_every_reason_is_in_the_corpus_that_the_bytes_alone_can_have() -> None:
    names = {name for _, expected in [*poison(), *heavy()] for name in expected}
    assert names | {"too_many_events"} == {reason.name for reason in REASONS}


def test_of_a_record_with_too_many_events_nothing_else_is_looked_at() -> None:
    for data in (an_event(), b"\xff", b""):
        judgement = judge(data, ARRIVED.timestamp(), RULES, has_too_many_events=True)
        assert judgement == Judgement(("too_many_events",))


def brackets() -> Iterator[bytes]:
    size = 256 * KIB
    yield b"[" + b"[]," * (size // 3) + b"[]]"
    yield b"[" + b"{}," * (size // 3) + b"{}]"
    yield b"[" + b'{"":[0]},' * (size // 9) + b"0]"
    yield b"[" * (size // 2) + b"]" * (size // 2)
    yield with_tokens(a="[" + "[0]," * (size // 4) + "0]")
    yield with_tokens(a='"' + "\\n" * (size // 2) + '"')
    yield b"{" + b",".join(b'"%d":0' % n for n in range(size // 10)) + b"}"


@pytest.mark.parametrize("data", list(brackets()), ids=lambda data: repr(data[:12]))
def test_judging_takes_no_more_than_a_few_times_the_memory_of_the_record(data: bytes) -> None:
    tracemalloc.start()
    try:
        reasons(data)
        assert tracemalloc.get_traced_memory()[1] < 4 * len(data)
    finally:
        tracemalloc.stop()


def test_what_nests_a_million_levels_is_told_from_no_json_and_what_nests_deeper_is_not() -> None:
    assert reasons(b"[" * DEEPEST + b"]" * DEEPEST) == ["too_deep", "not_an_object"]
    assert reasons(b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1)) == ["not_json"]


@pytest.mark.parametrize("depth", [1, 2, 100, 900, 1_000])
def test_an_event_may_nest_as_deep_as_the_rules_say_however_deep_that_is(depth: int) -> None:
    rules = replace(RULES, max_depth=depth)
    assert reasons(with_tokens(a="[" * (depth - 1) + "1" + "]" * (depth - 1)), rules) == []
    assert reasons(with_tokens(a="[" * depth + "]" * depth), rules) == ["too_deep"]


def test_what_is_judged_at_once_and_what_is_looked_at_have_the_same_verdict() -> None:
    simple = judge(an_event(created_at="1795251590.25"), ARRIVED.timestamp(), RULES)
    # Half a surrogate pair is beyond orjson.
    looked_at = judge(with_tokens(a='"\\ud800"', created_at='"1795251590.25"'), ARRIVED.timestamp(), RULES)
    assert simple == looked_at
    assert simple.seconds == 1795251590.25


def test_an_event_has_the_type_and_subtype_that_its_name_says() -> None:
    named = [judge(an_event(event_name=name), ARRIVED.timestamp(), RULES) for name in ("a", "a:b", "a:b:c")]
    assert [(event.event_type, event.event_subtype) for event in named] == [("a", None), ("a", "b"), ("a", "b")]


def test_a_key_of_more_characters_than_jackson_takes_is_no_json_wherever_it_is() -> None:
    longest, longer = "k" * 50_000, "k" * 50_001
    for key in (longest, "é" * 50_000, "\\u006b" * 50_000):
        assert reasons(with_tokens(a=f'{{"{key}":1,"b":1}}')) == []
        assert reasons(with_tokens(**{key: "1"})) == []
    for key in (longer, "é" * 50_001, "\\u006b" * 50_001):
        assert reasons(with_tokens(a=f'{{"{key}":1,"b":1}}')) == ["not_json"]
        assert reasons(with_tokens(**{key: "1"})) == ["not_json"]


def test_where_orjson_is_missing_one_line_says_on_which_machine_and_what_to_do() -> None:
    code = (
        "import sys; sys.modules['orjson'] = None\n"
        "from event_lake.config.settings import Raw\n"
        "from event_lake.events.judge import Judgement, judge\n"
        "from event_lake.events.rules import Rules\n"
        "judge(b'{}', 0.0, Rules.of(Raw()))"
    )
    failed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    error = error_in_traceback(failed.stderr)
    assert isinstance(error, UserError)
    assert str(error) == (
        f"Python on {gethostname()} has no orjson: install it on each machine of the cluster, like"
        " pip install 'orjson>=3.10,<4'"
    )


def test_rules_travel() -> None:
    rules = Rules.of(Raw(name_characters="_$"))
    assert reasons(an_event(event_name="a$"), rules) == []
    travelled = pickle.loads(pickle.dumps(rules))
    assert travelled == rules
    assert reasons(an_event(event_name="a-"), travelled) == ["malformed_event_name"]


# What others send, with the settings that read it.
FOREIGN = {
    "EventBridge": (
        '{"id":"6a7e8feb","detail-type":"order.placed","time":"2026-11-21T08:59:59Z","detail":{"id":"x"}}',
        Fields(event_uuid="id", event_name="detail-type", created_at="time"),
        ("6a7e8feb", "order.placed", -1),
    ),
    "Segment": (
        '{"messageId":"ajs-1","type":"track","event":"signed_up","timestamp":"2026-11-21T08:59:58.500Z"}',
        Fields(event_uuid="messageId", event_name="event", created_at="timestamp"),
        ("ajs-1", "signed_up", -1.5),
    ),
    "CloudTrail": (
        '{"eventVersion":"1.08","eventTime":"2026-11-21T08:59:00Z","eventName":"ConsoleLogin","eventID":"fa9b7305"}',
        Fields(event_uuid="eventID", event_name="eventName", created_at="eventTime"),
        ("fa9b7305", "ConsoleLogin", -60),
    ),
    "DynamoDB": (
        '{"eventID":"9a37c0d0","eventName":"INSERT","dynamodb":{"ApproximateCreationDateTime":1795251599000123}}',
        Fields(event_uuid="eventID", event_name="eventName", created_at="dynamodb.ApproximateCreationDateTime"),
        ("9a37c0d0", "INSERT", -0.999877),
    ),
}


@pytest.mark.parametrize("source", FOREIGN)
def test_events_of_others_are_read_where_their_fields_are(source: str) -> None:
    text, fields, (uuid, name, after_arrival) = FOREIGN[source]
    assert reasons(text.encode())
    rules = Rules.of(Raw(fields=fields, finest_created_at="nanoseconds", created_at_strings="iso8601"))
    judgement = judge(text.encode(), ARRIVED.timestamp(), rules)
    assert judgement[:4] == ((), uuid, name, None)
    assert judgement.seconds == pytest.approx(ARRIVED.timestamp() + after_arrival, abs=1e-6)
    assert Rules.from_json(rules.to_json()) == rules
    missing = judge(b'{"a":1}', ARRIVED.timestamp(), rules)
    assert list(missing.reasons) == ["missing_event_uuid", "missing_event_name", "missing_created_at"]
