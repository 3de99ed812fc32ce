"""Write the sections of the page: those on the raw layer here, the others with `staged_sections`. Pure."""

from collections.abc import Iterator

from event_lake.lake.untrusted import format_name
from event_lake.report import figures, staged_sections
from event_lake.report.blocks import Block, Examples, Note, Plot, Section
from event_lake.report.contents import LATENESS, PERCENTILES, Accepted, ArrivalCount, Count, Report, Span
from event_lake.report.figures import ACCEPTED, DUPLICATE, QUARANTINED
from event_lake.report.wording import (
    format_age,
    format_count,
    format_duration,
    format_instant,
    format_share,
)

# The map of arrivals has so many rows at most.
_MOST_MAPPED = 15


def make_sections(report: Report) -> list[Section]:
    """Return the sections in the order of the page; none if the report has no batch."""
    if report.span is None or report.accepted is None:
        return []
    return [
        _records(report, report.span),
        _arrivals(report.accepted, report.span),
        _refused(report),
        _doubles(report),
        _lateness(report.accepted),
        _freshness(report, report.span, report.accepted),
        staged_sections.drift_section(report),
        staged_sections.measures_section(report),
        staged_sections.contracts_section(report),
        staged_sections.files_section(report),
    ]


def _records(report: Report, span: Span) -> Section:
    lead = (
        "Each record that is read is raw (an event seen for the first time), a duplicate (its event_uuid was seen"
        " within the dedup window, and it is dropped), or quarantined. Producers that retry cause some duplicates all"
        " the time; a jump in either share is worth a look, and so is a gap in the bars."
    )
    blocks: list[Block] = [
        Plot(f"Records per {span.unit} in which they were read", figures.draw_ingested(report.ingested, span)),
    ]
    if any(step.read for step in report.ingested):
        blocks.append(Plot("Share of what was read", figures.draw_shares(report.ingested, span)))
    return Section("records", "Records over time", lead, blocks)


def _arrivals(accepted: Accepted, span: Span) -> Section:
    kinds = len(accepted.types) + accepted.other_types
    lead = (
        f"{format_count(accepted.rows, 'event')} of {format_count(kinds, 'type')} came into raw/events. The map shows"
        " when they arrived at the stream: the stronger,"
        " the nearer to the peak of the row. Rows keep their pattern from day to day; one that begins or ends is news."
    )
    if not accepted.rows:
        return Section("arrivals", "Arrivals by type", lead, [Note("No event was accepted in this time.")])
    counts = list(accepted.types)
    if accepted.other_types:
        counts.append(Count(f"{accepted.other_types:,} other types", accepted.others))
    counts = [Count(format_name(count.name), count.count) for count in counts]
    mapped = [count.name for count in counts[: len(accepted.types)]][:_MOST_MAPPED]
    shown = [ArrivalCount(format_name(a.event_type), a.begin, a.count) for a in accepted.arrivals]
    shown = [arrivals for arrivals in shown if arrivals.event_type in mapped]
    title = f"The {len(mapped)} most frequent types per {span.unit} of arrival"
    return Section(
        "arrivals",
        "Arrivals by type",
        lead,
        [
            Plot("Events by type", figures.draw_bars(counts, "events", ACCEPTED)),
            Plot(title, figures.draw_arrivals(shown, mapped, span)),
        ],
    )


def _refused(report: Report) -> Section:
    lead = (
        "Records that can't be events lie in raw/quarantine, byte for byte, with each reason that applies: one record"
        " may count under several. A producer's mistake shows as one reason that grows. In the examples letters are"
        " shown as a, digits as 9; what isn't ASCII as ·."
    )
    if not report.refusals:
        return Section("refused", "Refused, and why", lead, [Note("Nothing was refused in this time.")])
    counts = [Count(format_name(refusal.reason), refusal.count) for refusal in report.refusals]
    blocks: list[Block] = [
        Plot("Records by reason", figures.draw_bars(counts, "records", QUARANTINED)),
        Examples(report.refusals),
    ]
    return Section("refused", "Refused, and why", lead, blocks)


def _doubles(report: Report) -> Section:
    dropped = sum(step.duplicates or 0 for step in report.ingested)
    read = sum(step.read or 0 for step in report.ingested)
    duplicates = f"{format_count(dropped, 'duplicate')}, {format_share(dropped, read)} of what was read"
    known = f"Dropped on the way into raw/events: {duplicates}."
    unknown = "How many duplicates were dropped on the way into raw/events isn't known."
    lead = (
        f"{known if read else unknown}"
        " A conflict is a later event whose event_uuid is known but whose payload differs: there should be"
        " none, as two events have one name then."
    )
    return Section("duplicates", "Duplicates and conflicts", lead, list(_conflicts(report)))


def _conflicts(report: Report) -> Iterator[Block]:
    if report.conflicts is None:
        yield Note("staging/conflicts isn't there yet: build_staging makes it.")
    elif not report.conflicts:
        yield Note("No conflict is among these events.")
    else:
        counts = [Count(format_name(count.name), count.count) for count in report.conflicts]
        yield Plot("Conflicts by type", figures.draw_bars(counts, "conflicts", DUPLICATE))


def _lateness(accepted: Accepted) -> Section:
    lead = (
        "From an event's creation by its producer to its arrival at the stream. Most come within seconds; mobile"
        " clients that were offline make the long tail. Events created after they arrived have a clock that is ahead."
    )
    if accepted.percentiles is None:
        return Section("lateness", "Lateness", lead, [Note("No event was accepted in this time.")])
    counts = [Count(label, count) for (_, label), count in zip(LATENESS, accepted.lateness, strict=True)]
    half, *others, latest = (format_duration(value) for value in accepted.percentiles)
    shares = ", ".join(f"{p:.0%} by {late}" for p, late in zip(PERCENTILES[1:-1], others, strict=True))
    sentence = f"Half of the events are late by {half} at most, {shares}; the latest one came after {latest}."
    return Section(
        "lateness",
        "Lateness",
        lead,
        [
            Plot("Events by time from creation to arrival", figures.draw_bars(counts, "events", ACCEPTED)),
            Note(sentence),
        ],
    )


def _freshness(report: Report, span: Span, accepted: Accepted) -> Section:
    arrival = accepted.newest_arrival
    newest = (
        f"The newest event arrived at {format_instant(arrival)} ({format_age(report.generated_at - arrival)}); "
        if arrival
        else ""
    )
    lead = (
        f"{newest}{'t' if newest else 'T'}he newest batch was read at {format_instant(span.newest_batch)}"
        f" ({format_age(report.generated_at - span.newest_batch)}). A reader that keeps up stays below a minute or two"
        " behind the stream's tip; after a stop it is far behind and comes back."
    )
    if all(step.lag_ms is None for step in report.ingested):
        return Section(
            "freshness", "Freshness", lead, [Note("How far behind the stream the batches were isn't known.")]
        )
    if not any(step.lag_ms for step in report.ingested):
        return Section("freshness", "Freshness", lead, [Note("Every batch ended at the stream's tip.")])
    figure = figures.draw_lag(report.ingested, span)
    return Section("freshness", "Freshness", lead, [Plot(f"Behind the stream's tip, the most per {span.unit}", figure)])
