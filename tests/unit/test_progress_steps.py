"""The bar of a run of build_staging."""

from threading import Event

from event_lake.progress.steps import Bar


def test_the_bar_tells_how_fast_it_is_and_how_long_it_takes() -> None:
    shown: list[str] = []
    now = [100.0]
    bar = Bar(shown.append, 492_000, lambda: now[0])
    now[0] = 104.2
    bar.tick()
    now[0] = 110.0
    bar.took(123_000)
    bar.took(377_000)
    assert shown == [
        "staging: the first step runs, 4 s",
        "staging [#####---------------] 25% | 123,000 events, 12,300/s, 0:00:30 left",
        "staging [####################] 100% | 500,000 events, 50,000/s",
    ]


def test_the_bar_goes_on_while_a_step_runs() -> None:
    told = Event()
    bar = Bar(lambda _: told.set(), 1)
    with bar.ticking(0.01):
        assert told.wait(10)
