"""docs/reference/measures.md, from the catalogue of measures and the rules of thresholds."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

from event_lake.quality.catalogue import MEASURES
from event_lake.quality.hour.inventory import MOST_FIELDS, SAMPLED_EVENTS
from event_lake.quality.measures.declaration import Measure
from event_lake.quality.thresholds import Rule
from tools.reference.markdown import as_code, as_page, as_prose, as_table

THRESHOLDS = Path("conf/quality.toml")

_MEASURES = f"""
Each row of `quality/metrics` is a measure of the events that arrived in one hour: of all event types together (its
`event_type` is null), of one type, or of one `subject` of theirs. What is measured by the sample is measured of about
{SAMPLED_EVENTS:,} events of each type and hour, always the same ones; the {MOST_FIELDS} most frequent fields of a type
have rows. Types in `__other__` are measured as one, unless they have a contract.
"""
_RULES = """
`quality.thresholds` names the file that check_quality holds the measures to; conf/quality.toml is the one that comes
with Event Lake. Each `[[rules]]` in it has these keys:
"""
_KINDS = {str: "string", int: "whole number", float: "number"}
_KEYS = re.compile(r"#   (\w+(?:, \w+)*)  +(.+)")
_MORE = re.compile(r"#  {3,}(\S.*)")


def make_page() -> str:
    """Return the page."""
    header = ["measure", "unit", "of", "subject", "what it says", "worse if"]
    measures = as_table(header, (_of_measure(measure) for measure in MEASURES.values()))
    rules = as_table(["key", "type", "what it says"], _rule_keys())
    return as_page(
        "Measures and thresholds", "## Measures", as_prose(_MEASURES), measures, "## Rules", as_prose(_RULES), rules
    )


def _of_measure(measure: Measure) -> tuple[str, ...]:
    of = [*(["all"] if measure.of_all else []), *(["each type"] if measure.of_types else [])]
    subject = measure.subject or ""
    if measure.is_also_whole:
        subject += "; or none"
    return (
        as_code(measure.name),
        measure.unit,
        ", ".join(of),
        as_prose(subject),
        as_prose(measure.what),
        {"either": "higher or lower", None: ""}.get(measure.worse, measure.worse or ""),
    )


def _rule_keys() -> Iterator[tuple[str, str, str]]:
    said = read_rule_comments()
    for field in fields(Rule):
        hint = get_type_hints(Rule)[field.name]
        kind = next(_KINDS[kind] for kind in (*get_args(hint), hint) if kind in _KINDS)
        yield as_code(field.name), kind, as_prose(said[field.name])


def read_rule_comments() -> Mapping[str, str]:
    """Return what the comment at the head of conf/quality.toml says of each key of a rule."""
    said: dict[str, str] = {}
    names: list[str] = []
    for line in THRESHOLDS.read_text("utf-8").partition("\n\n")[0].splitlines():
        if found := _KEYS.fullmatch(line):
            names = found[1].split(", ")
            said |= dict.fromkeys(names, found[2])
        elif names and (more := _MORE.fullmatch(line)):
            said |= {name: f"{said[name]} {more[1]}" for name in names}
    return said
