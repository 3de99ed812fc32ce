"""Open the reporters and bars that the settings ask for."""

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
except ImportError:  # A cluster's driver may lack rich. Then the log shows what goes on.
    live = None  # type: ignore[assignment]


@contextmanager
def open_reporters(settings: Settings, stderr: TextIO) -> Iterator[Sequence[Reporter]]:
    """Yield the reporters while the block runs. At its end, waiting metrics are put within 5 seconds, or dropped.

    Raises UserError if the settings ask for metrics, and the AWS SDK isn't configured for them.
    """
    progress, stream = settings.progress, settings.source.stream
    with ExitStack() as until_end:
        reporters: list[Reporter] = []
        if _is_live(progress.log, stderr):
            reporters.append(until_end.enter_context(live.live_reporter(live.console_on(stderr))))
        else:
            reporters.append(LogReporter(stream))
        if progress.cloudwatch_namespace is not None:
            put = partial(CloudWatch(settings.source.region).put, progress.cloudwatch_namespace)
            metrics = MetricsReporter(put, stream)
            until_end.callback(metrics.close)
            reporters.append(metrics)
        yield reporters


def bar_on(settings: Settings, stderr: TextIO) -> Bar:
    """Return a bar that shows how far a run is on a terminal.

    It shows nothing if `stderr` is no terminal, if rich isn't installed, or if `progress.log` isn't "auto".
    """
    return partial(live.live_bar, live.console_on(stderr)) if _is_live(settings.progress.log, stderr) else no_bar


def _is_live(log: str, stderr: TextIO) -> bool:
    # rich takes a file for a terminal where FORCE_COLOR is set, and doesn't draw where TERM is "dumb".
    return live is not None and log == "auto" and stderr.isatty() and live.console_on(stderr).is_interactive
