"""The page as HTML. The plotting library is in the extra `local`."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import vl_convert

from event_lake.quality.catalogue import CHANGES
from event_lake.report.contents import Accepted, Change, Count, Ingested, Refusal, Report, Violation
from event_lake.report.masking import make_example
from event_lake.report.page import render_page
from support.weekly_reports import HOSTILE, NOW, a_report

_VOID = {"meta", "link", "br", "img"}
_LOADING = {"src", "href", "srcset", "data", "action", "poster", "xlink:href"}


class Reader(HTMLParser):
    """What is in a page, and whether its tags match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.handlers: list[str] = []
        self.ids: list[str] = []
        self.specs: list[dict] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [value for name, value in attrs if name in _LOADING and not value.startswith(("#", "data:"))]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in _VOID:
            self.open.append(f"{tag} json" if ("type", "application/json") in attrs else tag)

    def handle_endtag(self, tag):
        assert self.open.pop().split()[0] == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script json":
            self.specs.append(json.loads(data))
        elif not self.open or self.open[-1] not in ("script", "style"):
            self.text += data


@pytest.fixture(scope="module")
def week() -> Reader:
    return Reader(render_page(a_report()))


def text_of(report: Report) -> str:
    return " ".join(Reader(render_page(report)).text.split())


def test_the_page_has_every_section_and_its_contents_lead_there(week: Reader) -> None:
    anchors = ["records", "arrivals", "refused", "duplicates", "lateness", "freshness", "drift", "contracts", "files"]
    assert [name for name in week.ids if name in anchors] == anchors
    for title in ("Records over time", "Refused, and why", "Lateness", "Contract violations", "Files"):
        assert week.text.count(title) >= 2


def test_the_page_loads_nothing_and_only_its_own_script_may_run(week: Reader) -> None:
    html = render_page(a_report())
    assert week.loads == week.handlers == []
    style = html[html.index("<style>") : html.index("</style>")]
    assert re.findall(r"url\(|@import|https?:", style) == []
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy
    assert policy[1].startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-")


def test_every_plot_compiles(week: Reader) -> None:
    assert len(week.specs) == 10
    for spec in week.specs:
        assert vl_convert.vegalite_to_vega(spec)["marks"]


def test_numbers_have_separators_and_the_ledgers_equation_is_told(week: Reader) -> None:
    raw = sum(hour.raw for hour in a_report().ingested)
    assert f"{raw:,}" in week.text
    assert "Every record is accounted for" in week.text


def test_what_came_with_the_data_is_text_wherever_it_stands() -> None:
    report = a_report()
    assert report.accepted
    hostile = Reader(
        render_page(
            replace(
                report,
                lake=HOSTILE,
                accepted=replace(report.accepted, types=[Count(HOSTILE, 5)], arrivals=[]),
                refusals=[Refusal(HOSTILE, 1, make_example(HOSTILE.encode(), 99))],
                conflicts=[Count(HOSTILE, 1)],
                violations=[Violation(HOSTILE, HOSTILE, HOSTILE, 1)],
            )
        )
    )
    assert "img" not in hostile.tags
    assert hostile.handlers == []
    assert hostile.tags.count("script") == 1 + len(hostile.specs)
    assert HOSTILE in hostile.text


def test_every_measure_of_drift_has_its_words() -> None:
    for measure, words in CHANGES.items():
        change = Change(measure=measure, event_type="lesson", subject=None, first=NOW, hours=1, peak=1.0, detail=None)
        assert f"{words.title}lesson" in text_of(a_report(changes=[change]))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"conflicts": None}, "staging/conflicts isn't there yet: build_staging makes it."),
        ({"conflicts": []}, "No conflict is among these events."),
        ({"violations": None}, "staging/rejected isn't there yet: build_staging makes it."),
        ({"violations": []}, "No event breaks its contract."),
        ({"refusals": []}, "Nothing was refused in this time."),
    ],
)
def test_what_is_not_there_is_said_in_its_place(changes: dict, sentence: str) -> None:
    assert sentence in text_of(a_report(**changes))


def test_a_lake_without_a_batch_is_a_page_that_says_so() -> None:
    text = text_of(Report(generated_at=NOW, lake="lake"))
    assert "Nothing has arrived" in text
    assert "There is no batch to tell of" in text


def test_a_batch_of_nothing_but_refused_records_has_its_page() -> None:
    accepted = Accepted(
        rows=0,
        types=[],
        others=0,
        other_types=0,
        arrivals=[],
        lateness=[0] * 10,
        percentiles=None,
        newest_arrival=None,
    )
    hour = Ingested(begin=NOW.replace(minute=0), read=3, raw=0, duplicates=0, quarantined=3, lag_ms=0)
    text = text_of(a_report(accepted=accepted, ingested=[hour], quarantined=3, staged=0))
    assert "No event was accepted in this time." in text
    assert "Every batch ended at the stream's tip." in text
    assert "Every record is accounted for" in text


@pytest.mark.parametrize(
    ("of_hour", "of_report", "sentence"),
    [
        ({"unbalanced": 2}, {}, "2 rows of the ledger don't balance"),
        ({"holes": 1}, {}, "Records expired before they were read: 1 hole in the ledger"),
        ({}, {"quarantined": 5}, "raw/quarantine has 5 rows, but the ledger counts 4."),
    ],
)
def test_what_does_not_add_up_is_the_headline_and_named(of_hour: dict, of_report: dict, sentence: str) -> None:
    report = a_report()
    assert report.accepted
    hour = Ingested(begin=NOW, read=10, raw=5, duplicates=1, quarantined=4, **of_hour)
    counted = {"accepted": replace(report.accepted, rows=5), "quarantined": 4, "ingested": [hour], **of_report}
    text = text_of(replace(report, **counted))
    assert "Something is missing" in text
    assert sentence in text
