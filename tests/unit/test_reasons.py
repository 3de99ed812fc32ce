"""Each reason stands in one place, whole: nothing else of the library spells its name."""

import ast
from pathlib import Path

import pytest

from event_lake.events.reasons import REASONS, Problem, Reason, reason_names
from event_lake.events.rules import FIELDS

LIB = Path(__file__).parents[2] / "lib"
# The one place where reasons are declared, and the one that makes bad records on purpose and says what each must get.
SPELLING = {LIB / "event_lake/events/reasons.py", LIB / "event_lake/generator/faults.py"}
NAMES = {reason.name for reason in REASONS}


def beginnings(name: str) -> set[str]:
    """Of "not_an_object": "not_" and "not_an_". Who has those as text puts names together, or takes them apart."""
    return {name[: at + 1] for at, letter in enumerate(name) if letter == "_"}


def strings(file: Path) -> set[str]:
    """All literals of the file, with the literal parts of f-strings."""
    nodes = ast.walk(ast.parse(file.read_text("utf-8")))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_no_other_module_spells_a_reasons_name_or_the_beginning_of_one() -> None:
    spellings = NAMES.union(*map(beginnings, NAMES))
    found = {file: strings(file) & spellings for file in LIB.rglob("*.py")}
    assert {file for file, spelled in found.items() if spelled} == SPELLING


def test_no_two_reasons_have_one_name() -> None:
    assert len(NAMES) == len(REASONS)


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: reason.name)
def test_a_reason_is_about_one_field_or_about_a_record_that_cant_be_read(reason: Reason) -> None:
    assert (reason.problem is Problem.UNREADABLE) == (reason.field is None)
    assert reason.field is None or reason.field in FIELDS


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: reason.name)
def test_a_reason_says_in_sentences_what_it_means(reason: Reason) -> None:
    assert reason.meaning[0].isupper()
    assert reason.meaning.endswith(".")


def test_each_field_can_be_missing_and_can_be_wrong_and_no_reason_is_counted_twice() -> None:
    groups = [reason_names(Problem.UNREADABLE)]
    groups += [reason_names(problem, name) for problem in (Problem.MISSING, Problem.WRONG) for name in FIELDS]
    assert all(groups)
    assert sorted(name for group in groups for name in group) == sorted(NAMES)


def test_reasons_are_found_by_what_they_are_about() -> None:
    assert reason_names(Problem.MISSING, "event_uuid") == {"missing_event_uuid"}
    assert reason_names(Problem.WRONG, "event_name") == {"wrong_type_event_name", "malformed_event_name"}
    assert "not_json" in reason_names(Problem.UNREADABLE)
