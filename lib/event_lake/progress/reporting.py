"""The reporters that the settings ask for."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TextIO

from event_lake.aws.cloudwatch import CloudWatch
from event_lake.config.settings import Settings
from event_lake.progress.live import live_reporter
from event_lake.progress.log import is_live
from event_lake.progress.metrics import MetricsReporter
from event_lake.progress.reporter import LogReporter, Reporter


@contextmanager
def open_reporters(settings: Settings, stderr: TextIO) -> Iterator[Sequence[Reporter]]:
    """The reporters while the block runs; metrics that wait at its end are put within 5 seconds, or dropped.

    Raises UserError if the AWS SDK isn't configured for the metrics that the settings ask for.
    """
    asked, stream = settings.progress, settings.source.stream
    with ExitStack() as until_end:
        reporters: list[Reporter] = []
        if is_live(asked.log, stderr):
            reporters.append(until_end.enter_context(live_reporter(stderr)))
        else:
            reporters.append(LogReporter(stream))
        if asked.cloudwatch_namespace is not None:
            put = partial(CloudWatch(settings.source.region).put, asked.cloudwatch_namespace)
            metrics = MetricsReporter(put, stream)
            until_end.callback(metrics.close)
            reporters.append(metrics)
        yield reporters
