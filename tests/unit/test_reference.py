"""docs/reference says what the code says."""

from dataclasses import fields

import pytest

from event_lake.events.reasons import REASONS
from event_lake.quality.thresholds import Rule
from tools.docs import FOLDER, PAGES
from tools.reference.markdown import HEAD, as_prose, as_table
from tools.reference.measures import read_rule_comments


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_what_the_code_says(name: str) -> None:
    page = FOLDER / name
    assert (page.read_text("utf-8") if page.exists() else "") == PAGES[name](), f"{page} is stale: run `make docs`"


def test_no_page_is_left_that_nobody_writes_any_more() -> None:
    written = {page.name for page in FOLDER.glob("*.md") if page.read_text("utf-8").startswith(HEAD)}
    assert written == set(PAGES), "`make docs` writes the others: remove what it doesn't write"


def test_each_reason_of_the_quarantine_has_a_sentence() -> None:
    assert all(reason.meaning.endswith(".") for reason in REASONS)


def test_the_file_of_thresholds_explains_each_key_of_a_rule() -> None:
    assert list(read_rule_comments()) == [field.name for field in fields(Rule)]


@pytest.mark.parametrize(
    ("text", "prose"),
    [
        ("plain words, and 1 * 2 < 3", r"plain words, and 1 \* 2 \< 3"),
        ('"auto", or {"a": "b"}', '`"auto"`, or `{"a": "b"}`'),
        ("see `--from X` and --to DATE there", "see `--from X` and `--to DATE` there"),
        ("raw.max_depth, event_uuid, __other__.", "`raw.max_depth`, `event_uuid`, `__other__`."),
        ("conf/quality.toml and <event_type>.toml", "`conf/quality.toml` and `<event_type>.toml`"),
        ("it's in staging/types/<event_type>.\nAnd", "it's in `staging/types/<event_type>`. And"),
        ("_.-+@~!$,()", r"\_.-+@\~!$,()"),
    ],
)
def test_code_in_comments_is_marked_and_nothing_else_taken_for_markup(text: str, prose: str) -> None:
    assert as_prose(text) == prose


def test_a_cell_may_hold_what_divides_cells() -> None:
    assert as_table(["a", "b"], [["`x|y`", "z"]]) == "| a | b |\n| --- | --- |\n| `x\\|y` | z |"
