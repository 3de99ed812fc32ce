"""The reporters and bars that the settings ask for."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TextIO

from event_lake.aws.cloudwatch import CloudWatch
from event_lake.config.settings import Settings
from event_lake.progress.metrics import MetricsReporter
from event_lake.progress.reporter import Bar, LogReporter, Reporter, no_bar

try:
    from event_lake.progress import live
except ImportError:  # A cluster's driver may lack rich: then the log tells what goes on.
    live = None  # type: ignore[assignment]


@contextmanager
def open_reporters(settings: Settings, stderr: TextIO) -> Iterator[Sequence[Reporter]]:
    """The reporters while the block runs; metrics that wait at its end are put within 5 seconds, or dropped.

    Raises UserError if the AWS SDK isn't configured for the metrics that the settings ask for.
    """
    asked, stream = settings.progress, settings.source.stream
    with ExitStack() as until_end:
        reporters: list[Reporter] = []
        if _is_live(asked.log, stderr):
            reporters.append(until_end.enter_context(live.live_reporter(live.console_on(stderr))))
        else:
            reporters.append(LogReporter(stream))
        if asked.cloudwatch_namespace is not None:
            put = partial(CloudWatch(settings.source.region).put, asked.cloudwatch_namespace)
            metrics = MetricsReporter(put, stream)
            until_end.callback(metrics.close)
            reporters.append(metrics)
        yield reporters


def bar_on(settings: Settings, stderr: TextIO) -> Bar:
    """Return what shows how far a run is: on a terminal a bar, if the settings allow it, elsewhere nothing."""
    return partial(live.live_bar, live.console_on(stderr)) if _is_live(settings.progress.log, stderr) else no_bar


def _is_live(log: str, stderr: TextIO) -> bool:
    # rich takes a file for a terminal where FORCE_COLOR is set, and doesn't draw where TERM is "dumb".
    return live is not None and log == "auto" and stderr.isatty() and live.console_on(stderr).is_interactive
