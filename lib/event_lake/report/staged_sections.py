"""Write the page's sections on drift, quality measures, contracts and the tables' files. Pure."""

from event_lake.lake.untrusted import format_field, format_name
from event_lake.quality.catalogue import CHANGES, MEASURES
from event_lake.report import figures
from event_lake.report.blocks import Block, Note, Plot, Section, TableBlock
from event_lake.report.contents import FILE_SIZES, Count, Files, Measured, Report
from event_lake.report.figures import ACCEPTED, Figure
from event_lake.report.wording import (
    format_amount,
    format_instant,
    format_number,
    format_size,
)

_NO_METRICS = "quality/metrics isn't there yet: build_staging makes it."


def drift_section(report: Report) -> Section:
    """Return the section on what changed, by the quality measures."""
    lead = (
        "What differs from the seven days before, or from the type's contract. After a release new fields and types"
        " are expected; changed and vanished ones break those who read them."
    )
    block: Block = Note("Nothing changed.")
    if report.changes is None:
        block = Note(_NO_METRICS)
    elif report.changes:
        rows = [
            (
                CHANGES[change.measure].title,
                format_name(change.event_type),
                format_field(change.subject),
                format_instant(change.first),
                format_number(change.hours),
                format_amount(change.peak, MEASURES[change.measure].unit),
                format_name(change.detail),
            )
            for change in report.changes
        ]
        headings = ("What", "Type", "Of", "First in the hour", "Hours", "At its peak", "More")
        block = TableBlock("What changed", headings, rows, frozenset({4, 5}))
    return Section("drift", "Drift", lead, [block])


def measures_section(report: Report) -> Section:
    """Return the section on the quality measures of all types together."""
    lead = (
        "Of all types together, for each hour of arrival; check_quality holds them to the thresholds that you set."
        " Shares of validity and completeness are 100% on a good day."
    )
    rows = [_measured(measured) for measured in report.measured or () if measured.measure in MEASURES]
    block: Block
    if report.measured is None:
        block = Note(_NO_METRICS)
    elif not rows:
        block = Note("No hour of this time was measured yet.")
    else:
        headings = ("Measure", "Of", "Lowest", "Highest", "Newest")
        block = TableBlock("Quality measures, per hour", headings, rows, frozenset({2, 3, 4}))
    return Section("measures", "Measures", lead, [block])


def _measured(measured: Measured) -> tuple[str, ...]:
    unit = MEASURES[measured.measure].unit
    values = (format_amount(value, unit) for value in (measured.lowest, measured.highest, measured.newest))
    return (measured.measure.replace("_", " "), format_field(measured.subject), *values)


def contracts_section(report: Report) -> Section:
    """Return the section on events that break the contract of their type."""
    lead = (
        "Events that break the contract of their type stay in staging/events, but don't come into the type's own table."
        " A producer that changed a field shows up here first."
    )
    rows = [
        (format_name(v.event_type), format_name(v.column), format_name(v.reason), format_number(v.count))
        for v in report.violations or ()
    ]
    block: Block
    if report.violations is None:
        block = Note("staging/rejected isn't there yet: build_staging makes it.")
    elif not rows:
        block = Note("No event breaks its contract.")
    else:
        headings = ("Type", "Column", "What is wrong", "Events")
        block = TableBlock("The most frequent violations", headings, rows, frozenset({3}))
    return Section("contracts", "Contract violations", lead, [block])


def files_section(report: Report) -> Section:
    """Return the section on the sizes of the tables and of their files."""
    lead = (
        "Queries over many small files are slow. Streaming writes about one for each type and batch, so the newest"
        " dates have small ones; dates that are closed should have files of 32 MB or more."
    )
    rows = [
        (f.table, format_number(f.files), format_size(f.bytes), "none" if f.median is None else format_size(f.median))
        for f in report.files
    ]
    headings = ("Table", "Files", "Size", "Median, recent")
    blocks: list[Block] = [TableBlock("Files and sizes", headings, rows, frozenset({1, 2, 3}))]
    blocks += [Plot(f"Files of {f.table} by size", _sizes(f)) for f in report.files if _is_of_events(f)]
    return Section("files", "Files", lead, blocks)


def _is_of_events(files: Files) -> bool:
    return files.table.endswith("/events") and any(files.sizes)


def _sizes(files: Files) -> Figure:
    counts = [Count(label, count) for (_, label), count in zip(FILE_SIZES, files.sizes, strict=True)]
    return figures.draw_bars(counts, "files", ACCEPTED)
