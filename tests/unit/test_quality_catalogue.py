"""Each measure stands in one place, whole: nothing else of the library spells its name."""

import ast
import pkgutil
from datetime import timedelta
from pathlib import Path

import pytest

from event_lake.contracts.contract import Column, Contract
from event_lake.quality import catalogue, measures
from event_lake.quality.catalogue import CHANGES, MEASURES, measure_hour
from event_lake.quality.hour.arrived import Arrivals, EventCounts
from event_lake.quality.hour.before import Before, Day
from event_lake.quality.hour.inventory import Field, Inventory
from event_lake.quality.hour.refused import Refusals
from event_lake.quality.hour.view import Elsewhere, HourView
from event_lake.quality.measures.declaration import Measure, Value
from event_lake.quality.metric import Metric
from support.hour_views import HOUR, a_view, arrivals

LIB = Path(__file__).parents[2] / "lib"
QUALITY = LIB / "event_lake/quality"
# Where measures are declared.
DECLARING = QUALITY / "measures"
# Their frames have columns, and read no measures: see test_imports.
COUNTING = QUALITY / "frames"


def spelled_names(folder: Path, names: set[str], *, but: set[Path]) -> dict[Path, set[str]]:
    """By file, the names that a string of it is, or has in quotes, as SQL has them."""
    found = {}
    for file in folder.rglob("*.py"):
        if but.isdisjoint(file.parents):
            nodes = ast.walk(ast.parse(file.read_text("utf-8")))
            texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
            found[file] = {name for name in names for text in texts if text == name or f"'{name}'" in text}
    assert found
    return {file: spelled for file, spelled in found.items() if spelled}


def test_no_other_module_of_the_library_spells_a_name_of_several_words() -> None:
    names = {name for name in MEASURES if "_" in name}
    assert spelled_names(LIB, names, but={DECLARING}) == {}


def test_no_other_module_of_quality_spells_a_name_of_one_word_which_elsewhere_may_be_a_columns_or_a_sections() -> None:
    names = {name for name in MEASURES if "_" not in name}
    assert spelled_names(QUALITY, names, but={DECLARING, COUNTING}) == {}


def test_a_measure_is_in_the_catalogue_wherever_it_is_declared() -> None:
    modules = {module.name for module in pkgutil.iter_modules(measures.__path__)} - {"declaration"}
    topics = {topic.__name__.rpartition(".")[2]: topic for topic in catalogue._TOPICS}
    assert topics.keys() == modules
    declared = [measure for topic in topics.values() for measure in topic.MEASURES]
    assert list(MEASURES.values()) == declared
    assert all(measure.name == name for name, measure in MEASURES.items())


def test_a_measures_rows_have_its_name_and_the_hour() -> None:
    measure = Measure(
        name="noise",
        unit="share",
        what="of events that say nothing",
        worse="higher",
        compute=lambda view: iter([Value("lesson", "field", len(view.contracts), "loud"), Value(None, None, 0.5)]),
    )
    assert list(measure.metrics(a_view())) == [
        Metric("noise", "lesson", "field", HOUR, 0, "loud"),
        Metric("noise", None, None, HOUR, 0.5),
    ]


def test_only_freshness_isnt_computed_of_an_hour() -> None:
    assert [name for name, measure in MEASURES.items() if measure.compute is None] == ["freshness"]
    assert list(MEASURES["freshness"].metrics(a_view())) == []


def an_eventful_hour() -> HourView:
    """One in which each measure has something to tell."""
    counts = EventCounts(events=20, subtypes=10, in_order=15, newest=HOUR.timestamp() + 60)
    came = Arrivals(counts, {"paid": counts})
    for durations in (counts.lateness, came.waits):
        durations.add(1, 20, 0.001)
    refusals = Refusals(
        quarantined={("not_json",): 1, ("missing_created_at",): 2},
        conflicts={"paid": 1},
        rejected={"paid": 1},
        violations={"paid": {("amount", "missing"): 1}},
        read=23,
        duplicates=2,
        is_complete=True,
    )
    fields = {"amount": Field(1.0, 0.5, frozenset({"null", "string"})), "extra": Field(0.5, 0.5, frozenset({"array"}))}
    inventories = {
        "paid": Inventory(20, fields, unlisted=3, unread=1),
        "quiz": Inventory(20, {"other": Field(1.0, 1.0, frozenset({"string"}))}),
    }
    yesterday = Day(hours=1)
    yesterday.add("gone", 1.0, frozenset({"string"}))
    before = Before(
        {HOUR - timedelta(weeks=back): {None: 20, "absent": 20} for back in range(1, 9)},
        {(HOUR - timedelta(days=1)).date(): {"absent": Day(hours=1), "quiz": yesterday}},
    )
    return a_view(
        arrivals=came,
        refusals=refusals,
        inventories=inventories,
        elsewhere={"paid": Elsewhere(1, 1, 1, ["quiz"])},
        staged_twice={"paid": 1},
        before=before,
        contracts={"paid": Contract(event_type="paid", columns=(Column(name="amount", type="bigint"),))},
    )


def test_an_hour_has_rows_of_each_measure_that_are_as_the_catalogue_says() -> None:
    view = an_eventful_hour()
    view.arrivals.of_types["quiz"] = arrivals(quiz=5).in_all
    rows = list(measure_hour(view))
    assert {metric.measure for metric in rows} == MEASURES.keys() - {"freshness"}
    keys = [(metric.measure, metric.event_type, metric.subject) for metric in rows]
    assert len(keys) == len(set(keys))
    for metric in rows:
        measure = MEASURES[metric.measure]
        assert metric.hour == HOUR
        assert measure.of_all if metric.event_type is None else measure.of_types
        assert measure.subject if metric.subject else (measure.is_also_whole or not measure.subject)


@pytest.mark.parametrize("measure", MEASURES.values(), ids=lambda measure: measure.name)
def test_a_measure_tells_of_all_types_or_of_each(measure: Measure) -> None:
    assert measure.of_all or measure.of_types
    assert measure.subject or not measure.is_also_whole
    assert measure.what


def test_the_report_tells_of_changes_the_worst_first() -> None:
    assert [(name, change.title, change.beyond) for name, change in CHANGES.items()] == [
        ("changed_field", "Field of another JSON type", 0),
        ("vanished_field", "Field is gone", 0),
        ("new_field", "New field", 0),
        ("vanished_type", "Type is gone", 0),
        ("new_type", "New type", 0),
        ("unusual_events", "Unusual number of events", 3.5),
        ("uuid_elsewhere", "Same event_uuid elsewhere", 0),
    ]


def test_the_report_lists_all_measures_of_all_types_together_but_the_newest_arrival() -> None:
    assert [name for name, measure in MEASURES.items() if not measure.is_reported_of_all] == ["newest_arrival"]
