"""Log lines: text for people, JSON for machines."""

import json
import logging
from datetime import UTC, datetime
from typing import TextIO


def make_formatter(log: str, stream: TextIO) -> logging.Formatter:
    """How `progress.log` has log records written to `stream`."""
    if log == "json" or (log == "auto" and not stream.isatty()):
        return JsonFormatter()
    return logging.Formatter("%(asctime)s %(message)s")


class JsonFormatter(logging.Formatter):
    """A record as one JSON object in one line.

    `time` (UTC, ISO 8601), `level`, `event`, `message`, `logger`, with an exception `error` (its traceback), and what
    the record's `figures` hold. `event` is "log" but for records that were given another one.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
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
