"""docs/reference/metrics-and-logs.md, from the metrics and fields that a running job tells of."""

from collections.abc import Mapping

from event_lake.progress.log import FIELDS, LineField
from event_lake.progress.metrics import METRICS
from event_lake.progress.reporter import BATCH_FIELDS
from tools.reference.markdown import as_code, as_page, as_prose, as_table

_METRICS = """
With `progress.cloudwatch_namespace` the job ingest_raw puts these into CloudWatch when a batch is committed, with the
dimension `Stream`, which is the stream's name. What isn't known of a batch isn't put. That needs the permission
`cloudwatch:PutMetricData`.
"""
_LINES = """
With `progress.log` = "json", or "auto" where stderr is no terminal, the jobs write one JSON object a line to stderr.
Each has these fields:
"""
_BATCHES = """
The job ingest_raw writes a line for each batch that was committed, whose `event` is "batch". It has these fields, too;
null stands for what isn't known:
"""


def make_page() -> str:
    """Return the page."""
    metrics = ((as_code(metric.name), metric.unit, as_prose(metric.what)) for metric in METRICS)
    return as_page(
        "Metrics and logs",
        "## CloudWatch metrics",
        as_prose(_METRICS),
        as_table(["metric", "unit", "what it says"], metrics),
        "## Log lines",
        as_prose(_LINES),
        _list_fields(FIELDS),
        "## Batches in the log",
        as_prose(_BATCHES),
        _list_fields(BATCH_FIELDS),
    )


def _list_fields(fields: Mapping[str, LineField]) -> str:
    rows = ((as_code(name), field.unit, as_prose(field.what)) for name, field in fields.items())
    return as_table(["field", "unit or form", "what it says"], rows)
