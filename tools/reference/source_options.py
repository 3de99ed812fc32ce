"""docs/reference/source-options.md, from the options of the Kinesis source and the columns that it gives."""

from collections.abc import Iterator

from event_lake.config.settings import Raw, Source
from event_lake.kinesis.options import FORMAT, OF_RAW, OF_SOURCE, options_of
from event_lake.lake import columns, schemas
from tools.reference.keys import describe_value, read_reference
from tools.reference.markdown import as_code, as_page, as_prose, as_table
from tools.reference.table_columns import list_columns

_INTRO = f"""
`spark.readStream.format("{FORMAT}")` reads a Kinesis stream by itself. Its options are texts, known in any case of
their letters. Each is a setting of [the configuration](configuration.md) by another name.
"""
_COLUMNS = """
Each row is a record, or ends what was read of one shard in one batch: then it has a `receipt`, and no `data`. So the
records are the rows `where("receipt is null")`.
"""


def make_page() -> str:
    """Return the page."""
    return as_page(
        "Options of the Kinesis source",
        "## Options",
        " ".join(_INTRO.split()),
        as_table(["option", "type", "default", "setting"], _options()),
        "## Columns",
        as_prose(_COLUMNS),
        list_columns(schemas.RECORD, columns.RECORD),
    )


def _options() -> Iterator[tuple[str, ...]]:
    keys = read_reference().keys
    defaults = {option: as_code(text) for option, text in options_of(Source(stream="any"), Raw()).items()}
    defaults["streamName"] = "required"
    settings = {option: f"source.{name}" for option, name in OF_SOURCE.items()}
    settings |= {option: f"raw.{name}" for option, name in OF_RAW.items()}
    for option, setting in settings.items():
        link = f"[`{setting}`](configuration.md#{setting.replace('.', '')})"
        yield as_code(option), describe_value(keys[setting]), defaults.get(option, "none"), link
