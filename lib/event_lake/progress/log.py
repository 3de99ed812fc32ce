"""Format log lines as text for people, or as JSON for machines."""

import json
import logging
from datetime import UTC, datetime
from typing import TextIO


def make_formatter(log: str, stream: TextIO) -> logging.Formatter:
    """Return the formatter for log records on `stream`; `log` is the setting `progress.log`."""
    if log == "json" or (log == "auto" and not stream.isatty()):
        return JsonFormatter()
    return logging.Formatter("%(asctime)s %(message)s")


class JsonFormatter(logging.Formatter):
    """A formatter that writes a record as one JSON object in one line.

    The object has `time` (UTC, ISO 8601), `level`, `event`, `message` and `logger`, the members of the record's
    attribute `figures`, and `error`, the traceback, if the record has an exception. `event` is the record's attribute
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
