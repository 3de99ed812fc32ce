import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from event_lake.errors import ConfigError
from event_lake.quality.catalogue import MEASURES
from event_lake.quality.metric import Metric
from event_lake.quality.thresholds import Breach, Rule, find_breaches, hours_of, load_rules, measures_of

NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOW = NINE + timedelta(minutes=30)
ROOT = Path(__file__).parents[2]


def metric(measure: str = "quarantined", value: float = 0.5, **of: object) -> Metric:
    values = {"event_type": None, "subject": None, "hour": NINE, "detail": None, **of}
    return Metric(measure=measure, value=value, **values)  # type: ignore[arg-type]


def refusal(tmp_path: Path, text: str) -> str:
    file = tmp_path / "quality.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigError) as refused:
        load_rules(str(file))
    return str(refused.value).replace(str(file), "FILE")


def test_the_thresholds_that_come_with_it_are_usable() -> None:
    rules = load_rules(str(ROOT / "conf/quality.toml"))
    assert {rule.measure for rule in rules} < MEASURES.keys()
    assert hours_of(rules, None) == 24


def test_a_rule_has_what_the_file_says(tmp_path: Path) -> None:
    file = tmp_path / "quality.toml"
    file.write_text(
        '[[rules]]\nmeasure = "field_presence"\nevent_type = "lesson"\nsubject = "score"\nmin = 1\nhours = 3\n'
        '[[rules]]\nmeasure = "unusual_events"\nabsolute = 2.5\nmin_events = 10\n'
    )
    assert load_rules(str(file)) == (
        Rule(measure="field_presence", event_type="lesson", subject="score", min=1, hours=3),
        Rule(measure="unusual_events", absolute=2.5, min_events=10),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "FILE: no rules; write [[rules]] and measure = … below, for each of them"),
        (
            "[rules]\nmax = 1",
            "FILE: rules = {'max': 1}: not sections; write [[rules]] and its keys below, for each of them",
        ),
        ("rules = [1]", "FILE: rules = [1]: not sections; write [[rules]] and its keys below, for each of them"),
        ('[[rule]]\nmeasure = "events"', "FILE: unknown key rule; did you mean rules?"),
        ('[[rules]]\nmeasure = "events"\nmaxx = 1', "FILE: rule 1: unknown key maxx; did you mean max?"),
        (
            '[[rules]]\nmeasure = "quarantine"\nmax = 1',
            "FILE: rule 1: measure = 'quarantine': there's no such measure; did you mean quarantined?",
        ),
        ('[[rules]]\nmeasure = "events"', "FILE: rule 1: no bound; set one of min, max, absolute"),
        (
            '[[rules]]\nmeasure = "events"\nmax = "1"',
            "FILE: rule 1: max = '1': not a number; write it like 0.01",
        ),
        ('[[rules]]\nmeasure = "events"\nmax = true', "FILE: rule 1: max = True: not a number; write it like 0.01"),
        ('[[rules]]\nmeasure = "events"\nmax = nan', "FILE: rule 1: max = nan: not a number; write it like 0.01"),
        (
            '[[rules]]\nmeasure = "events"\nevent_type = 3\nmax = 1',
            'FILE: rule 1: event_type = 3: not a string; write it like "text"',
        ),
        (
            '[[rules]]\nmeasure = "events"\nevent_type = ""\nmax = 1',
            "FILE: rule 1: event_type = '': not a name; write it like \"payment\"",
        ),
        (
            '[[rules]]\nmeasure = "events"\nmin = 1\nhours = 0',
            "FILE: rule 1: hours = 0: must be 1 to 744 whole hours",
        ),
        (
            '[[rules]]\nmeasure = "events"\nmin = 1\nhours = 1.5',
            "FILE: rule 1: hours = 1.5: not a whole number; write it like 600",
        ),
        (
            '[[rules]]\nmeasure = "events"\nmin = 1\nmin_events = -1',
            "FILE: rule 1: min_events = -1: must be 0 or more events",
        ),
        (
            '[[rules]]\nmeasure = "events"\nabsolute = -1',
            "FILE: rule 1: absolute = -1: must be 0 or more; it bounds values below 0, too",
        ),
        (
            '[[rules]]\nmeasure = "events"\nmax = 1\n[[rules]]\nmeasure = "new_type"\nmax = 1',
            'FILE: rule 2: new_type is measured by type; set event_type = "*", or one',
        ),
        (
            '[[rules]]\nmeasure = "duplicates"\nevent_type = "*"\nmax = 1',
            "FILE: rule 1: event_type = '*': duplicates is of all types together; leave it out",
        ),
        (
            '[[rules]]\nmeasure = "valid_format"\nmin = 1',
            f'FILE: rule 1: valid_format has a subject ({MEASURES["valid_format"].subject}); set subject = "*", or one',
        ),
        (
            '[[rules]]\nmeasure = "events"\nsubject = "a"\nmin = 1',
            "FILE: rule 1: subject = 'a': events has none; leave it out",
        ),
    ],
)
def test_a_file_that_cant_be_meant_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    assert refusal(tmp_path, text) == message


def test_a_rule_without_a_measure_is_refused_with_those_there_are(tmp_path: Path) -> None:
    assert refusal(tmp_path, "[[rules]]\nmax = 1").startswith("FILE: rule 1: no measure; set one of events, unusual_")


def test_a_file_that_isnt_there_or_isnt_toml_names_the_setting(tmp_path: Path) -> None:
    assert refusal(tmp_path, "[[rules").startswith("quality.thresholds = 'FILE': can't be read as TOML: ")
    with pytest.raises(ConfigError, match=r"^quality.thresholds = 'no/file': no such file; conf/quality.toml shows"):
        load_rules("no/file")


@pytest.mark.parametrize(
    ("bounds", "value", "broken"),
    [
        ({"max": 0.5}, 0.5, None),
        ({"max": 0.5}, 0.51, "max = 0.5"),
        ({"min": 0.5}, 0.5, None),
        ({"min": 0.5}, 0.49, "min = 0.5"),
        ({"absolute": 6}, -6, None),
        ({"absolute": 6}, -6.1, "absolute = 6"),
        ({"absolute": 6}, 6.1, "absolute = 6"),
        ({"min": 0, "max": 1}, 2, "max = 1"),
    ],
)
def test_a_value_on_the_bound_keeps_to_it(bounds: dict[str, float], value: float, broken: str | None) -> None:
    assert Rule(measure="unusual_events", **bounds).bound_broken_by(value) == broken  # type: ignore[arg-type]


def test_a_rule_is_about_the_rows_without_type_and_subject_unless_it_names_them() -> None:
    rows = [
        metric("contract_violations", event_type=event_type, subject=subject)
        for event_type in ("lesson", "quiz")
        for subject in (None, "score", "title")
    ]

    def about(**of: str) -> list[tuple[str | None, str | None]]:
        found = find_breaches([Rule(measure="contract_violations", max=0, **of)], rows, NOW)  # type: ignore[arg-type]
        return [(breach.metric.event_type, breach.metric.subject) for breach in found]

    assert about(event_type="*") == [("lesson", None), ("quiz", None)]
    assert about(event_type="quiz", subject="*") == [("quiz", "score"), ("quiz", "title")]
    assert about(event_type="*", subject="score") == [("lesson", "score"), ("quiz", "score")]
    assert about(event_type="other", subject="score") == []


def test_the_newest_two_hours_are_looked_at_or_those_that_are_asked_for_or_the_rules_own() -> None:
    rows = [metric(hour=NINE - HOUR * back) for back in range(5)]

    def looked_at(rule: Rule, hours: int | None = None) -> int:
        return len(find_breaches([rule], rows, NOW, hours=hours))

    rule, own = Rule(measure="quarantined", max=0), Rule(measure="quarantined", max=0, hours=4)
    assert (looked_at(rule), looked_at(rule, 3), looked_at(own), looked_at(own, 3)) == (2, 3, 4, 4)
    assert (hours_of([rule], None), hours_of([rule], 3), hours_of([rule, own], 3)) == (2, 3, 4)


def test_hours_with_too_few_events_of_the_type_arent_looked_at() -> None:
    rows = [
        metric("conflicts", 1, event_type="lesson"),
        metric("conflicts", 1, event_type="quiz"),
        metric("events", 9, event_type="lesson"),
        metric("events", 10, event_type="quiz"),
        metric("events", 19),
    ]
    found = find_breaches([Rule(measure="conflicts", event_type="*", max=0, min_events=10)], rows, NOW)
    assert [breach.metric.event_type for breach in found] == ["quiz"]


def test_freshness_is_the_age_of_the_newest_arrival_of_all_hours() -> None:
    rows = [
        metric("newest_arrival", (NINE - HOUR).timestamp() + 60, hour=NINE - HOUR),
        metric("newest_arrival", NINE.timestamp() + 60, hour=NINE),
        metric("newest_arrival", NINE.timestamp() - 60, hour=NINE - HOUR, event_type="quiz"),
    ]
    assert find_breaches([Rule(measure="freshness", max=1739)], rows, NOW) == [
        Breach(metric("freshness", 1740.0, hour=NINE), "max = 1739")
    ]
    assert find_breaches([Rule(measure="freshness", max=1740)], rows, NOW) == []
    assert find_breaches([Rule(measure="freshness", event_type="*", max=1800)], rows, NOW) == [
        Breach(metric("freshness", 1860.0, event_type="quiz", hour=NINE - HOUR), "max = 1800")
    ]


def test_a_type_that_had_no_arrival_is_as_old_as_the_hours_looked_at() -> None:
    rows = [metric("events", 5)]
    (found,) = find_breaches([Rule(measure="freshness", event_type="quiz", max=3600)], rows, NOW)
    assert (found.metric.value, found.metric.hour) == (5400.0, NINE - HOUR)


def test_a_type_without_a_row_had_no_events() -> None:
    rows = [metric("events", 5), metric("events", 5, event_type="lesson"), metric("events", 5, hour=NINE - HOUR)]
    found = find_breaches([Rule(measure="events", event_type="lesson", min=1)], rows, NOW)
    assert [(breach.metric.hour, breach.metric.value) for breach in found] == [(NINE - HOUR, 0.0)]


def test_the_measures_that_rules_need_are_read() -> None:
    rules = [Rule(measure="freshness", max=1), Rule(measure="conflicts", max=1)]
    assert measures_of(rules) == {"newest_arrival", "conflicts", "events"}


def test_no_metrics_break_nothing() -> None:
    assert find_breaches([Rule(measure="freshness", max=0)], [], NOW) == []


def test_a_breach_is_one_line_that_says_what_where_and_which_bound() -> None:
    found = Breach(metric("changed_field", 0.25, event_type="quiz", subject="score", detail="string"), "max = 0.01")
    assert str(found) == "changed_field, quiz, score, 2026-11-20T09:00Z: 0.25 breaks max = 0.01 (string)"
    assert str(Breach(metric(), "max = 0")) == "quarantined, all types, 2026-11-20T09:00Z: 0.5 breaks max = 0"
    assert found.as_json() == {
        "measure": "changed_field",
        "event_type": "quiz",
        "subject": "score",
        "hour": "2026-11-20T09:00:00+00:00",
        "value": 0.25,
        "detail": "string",
        "bound": "max = 0.01",
    }


def test_a_rule_may_be_about_a_type_of_any_name(tmp_path: Path) -> None:
    name = "com.acme/'Größe' = \"5\""
    file = tmp_path / "quality.toml"
    file.write_text(f"[[rules]]\nmeasure = 'conflicts'\nevent_type = {json.dumps(name)}\nmax = 0", "utf-8")
    about = [metric("conflicts", 1, event_type=of_type) for of_type in ("lesson", name)]
    [breach] = find_breaches(load_rules(str(file)), about, NOW)
    assert str(breach) == f"conflicts, {name}, 2026-11-20T09:00Z: 1 breaks max = 0"


def test_what_producers_named_neither_steers_a_terminal_nor_shows_an_address() -> None:
    about = {"event_type": "a\x1b[2J", "subject": "anna@example.org\nok  all is well", "detail": "x\r\u202ey"}
    rule = Rule(measure="new_field", event_type="*", subject="*", max=0)
    [breach] = find_breaches([rule], [metric("new_field", 1, **about)], NOW)
    assert str(breach).isprintable()
    assert str(breach).startswith("new_field, a·[2J, aaaa@aaaaaaa.aaa·aa  aaa aa aaaa, ")
    assert breach.as_json()["subject"] == about["subject"]
