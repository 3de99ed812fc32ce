"""Format log lines as text for people, or as JSON for machines."""

import json
import logging
from datetime import UTC, datetime
from typing import NamedTuple, TextIO


class LineField(NamedTuple):
    """A field of a JSON line: the `unit` of its value, or the form of a text, and `what` it says."""

    unit: str
    what: str


FIELDS = {
    "time": LineField("ISO 8601, UTC", "When the line was written."),
    "level": LineField("text", "`INFO`, `WARNING` or `ERROR`."),
    "event": LineField("text", "`batch` if a batch was committed, else `log`."),
    "message": LineField("text", "What happened, for people."),
    "logger": LineField("text", "The module that says so, like `event_lake.raw.ingest`."),
    "error": LineField("text", "The traceback of an exception; the field is there only with one."),
}


def make_formatter(log: str, stream: TextIO) -> logging.Formatter:
    """Return the formatter for log records on `stream`; `log` is the setting `progress.log`."""
    if log == "json" or (log == "auto" and not stream.isatty()):
        return JsonFormatter()
    return logging.Formatter("%(asctime)s %(message)s")


class JsonFormatter(logging.Formatter):
    """A formatter that writes a record as one JSON object in one line.

    The object has the `FIELDS`, and the members of the record's attribute `figures`. `event` is the record's attribute
    of that name, or else "log".
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without a line end."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "event": getattr(record, "event", "log"),
            "message": record.getMessage(),
            "logger": record.name,
            **getattr(record, "figures", {}),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
