"""The bar of a run of build_staging."""

import json

import pytest

from event_lake.progress.steps import Ahead, Bar, share_done

AHEAD = Ahead(version=29, files=50)


def an_offset(version: int, index: int = -1, *, first: bool = False) -> str:
    return json.dumps({"reservoirVersion": version, "index": index, "isStartingVersion": first})


@pytest.mark.parametrize(
    ("start", "end", "share"),
    [
        (None, an_offset(29, 9, first=True), 0.2),
        (None, an_offset(30), 1.0),
        (an_offset(29, 9, first=True), an_offset(29, 24, first=True), 0.5),
        (an_offset(10), an_offset(15), 0.25),
        (an_offset(10), an_offset(30), 1.0),
        (an_offset(30), an_offset(30), 0.0),
    ],
)
def test_the_share_is_of_the_files_of_the_first_version_and_of_the_versions_behind_it(
    start: str | None, end: str, share: float
) -> None:
    assert share_done(start, end, AHEAD) == share


def test_the_bar_tells_how_fast_it_is_and_how_long_it_takes() -> None:
    shown: list[str] = []
    now = [100.0]
    bar = Bar(shown.append, lambda: now[0])
    now[0] = 104.2
    bar.tell(None, 0)
    now[0] = 110.0
    bar.tell(0.25, 123_000)
    bar.tell(1.0, 500_000)
    assert shown == [
        "staging: the first step runs, 4 s",
        "staging [#####---------------] 25% | 123,000 events, 12,300/s, 0:00:30 left",
        "staging [####################] 100% | 500,000 events, 50,000/s",
    ]
