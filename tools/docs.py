"""`make docs`: write docs/reference from the code that it tells of."""

from pathlib import Path

from tools.reference import (
    command_line,
    configuration,
    measures,
    metrics_and_logs,
    quarantine_reasons,
    source_options,
    table_columns,
)

FOLDER = Path("docs/reference")
PAGES = {
    "command-line.md": command_line.make_page,
    "configuration.md": configuration.make_page,
    "measures.md": measures.make_page,
    "metrics-and-logs.md": metrics_and_logs.make_page,
    "reasons.md": quarantine_reasons.make_page,
    "source-options.md": source_options.make_page,
    "tables.md": table_columns.make_page,
}


def main() -> None:
    """Write all pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, make_page in PAGES.items():
        (FOLDER / name).write_text(make_page(), "utf-8")


if __name__ == "__main__":
    main()
