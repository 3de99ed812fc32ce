"""Describe the report's plots as Vega-Lite specifications. Pure: takes plain values, returns JSON-like values.

Colours are CSS variables of the page. SVG takes them as they are, so a plot has the right colours in dark mode and on
paper without being drawn again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import altair as alt

from event_lake.report.contents import ArrivalCount, Count, Ingested, Span

ACCEPTED, DUPLICATE, QUARANTINED = "var(--accepted)", "var(--duplicate)", "var(--quarantined)"
_KINDS = {"raw": ACCEPTED, "duplicates": DUPLICATE, "quarantined": QUARANTINED}

_TIME_UNITS: dict[str, Any] = {
    "minute": "utcyearmonthdatehoursminutes",
    "hour": "utcyearmonthdatehours",
    "day": "utcyearmonthdate",
}
_TIME_FORMATS = {"minute": "%d %b %H:%M", "hour": "%d %b %H:%M", "day": "%d %b %Y"}
_LAGS = {0: "0", 1: "1 s", 10: "10 s", 60: "1 min", 600: "10 min", 3_600: "1 h", 21_600: "6 h", 86_400: "1 day"}
# The time axis has room for so many bars at least: fewer would be too wide.
_FEWEST_STEPS = 12
_ROW = 26  # pixels of a horizontal bar with its gap
_FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
_CONFIG = {
    "background": "transparent",
    "font": _FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--soft)",
        "titleColor": "var(--soft)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelPadding": 6,
        "titlePadding": 10,
    },
    "axisY": {"domain": False, "ticks": False},
    "legend": {
        "orient": "top",
        "labelColor": "var(--ink)",
        "labelFontSize": 13,
        "title": None,
        "offset": 12,
    },
    "text": {"color": "var(--soft)", "fontSize": 12},
}


@dataclass(frozen=True)
class Figure:
    """A plot as a Vega-Lite specification. `height` is in pixels and includes the axes; the page decides the width.

    `description` says what the plot shows, for people who can't see it.
    """

    spec: dict[str, Any]
    height: int
    description: str


def draw_ingested(ingested: Sequence[Ingested], span: Span) -> Figure:
    """Draw stacked bars: the raw, duplicate and quarantined records per unit of time."""
    rows = [
        {"begin": _iso(step.begin), "kind": kind, "count": getattr(step, kind) or 0, "order": order}
        for step in ingested
        for order, kind in enumerate(_KINDS)
    ]
    chart = (
        alt.Chart(_data(rows))
        .mark_bar(binSpacing=_gap(ingested))
        .encode(
            x=_time_axis([step.begin for step in ingested], span),
            y=alt.Y("sum(count):Q", title=f"records per {span.unit}", axis=alt.Axis(format="~s", tickCount=5)),
            color=_kinds_scale(_KINDS, legend=alt.Legend(symbolType="square")),
            order=alt.Order("order:Q"),
            tooltip=[_time_tip(span), alt.Tooltip("kind:N"), alt.Tooltip("sum(count):Q", title="records", format=",")],
        )
    )
    return _figure(chart, 300, f"Stacked bars: raw, duplicate and quarantined records per {span.unit}.")


def draw_shares(ingested: Sequence[Ingested], span: Span) -> Figure:
    """Draw two lines: the shares of duplicates and of quarantined records in the records read per unit of time."""
    kinds = ("duplicates", "quarantined")
    rows = [
        # The line has a gap where a share is None.
        {
            "begin": _iso(step.begin),
            "kind": kind,
            "share": getattr(step, kind) / step.read if step.read else None,
        }
        for step in ingested
        for kind in kinds
    ]
    chart = (
        alt.Chart(_data(rows))
        .mark_line(point=alt.OverlayMarkDef(size=22, filled=True) if _gap(ingested) else False, strokeWidth=2)
        .encode(
            x=_time_axis([step.begin for step in ingested], span),
            y=alt.Y("share:Q", title="share of what was read", axis=alt.Axis(format="~%", tickCount=4)),
            color=_kinds_scale(kinds, legend=alt.Legend(symbolType="stroke", symbolStrokeWidth=3)),
            tooltip=[_time_tip(span), alt.Tooltip("kind:N"), alt.Tooltip("share:Q", format=".2%")],
        )
    )
    return _figure(chart, 220, f"Lines: the share of duplicate and of quarantined records per {span.unit}.")


def draw_lag(ingested: Sequence[Ingested], span: Span) -> Figure:
    """Draw bars: the longest time that a batch was behind the stream's newest record, per unit of time."""
    lags = {step.begin: step.lag_ms / 1_000 for step in ingested if step.lag_ms is not None}
    rows = [{"begin": _iso(begin), "lag": lag} for begin, lag in lags.items()]
    most = max(lags.values(), default=0)
    ticks = {seconds: label for seconds, label in _LAGS.items() if seconds <= max(most * 1.5, 60)}
    cases = " : ".join(f"datum.value == {seconds} ? '{label}'" for seconds, label in ticks.items())
    chart = (
        alt.Chart(_data(rows))
        .mark_bar(color=ACCEPTED, binSpacing=_gap(ingested))
        .encode(
            x=_time_axis([step.begin for step in ingested], span),
            # The log scale shows both a stop of hours and the seconds of every day.
            y=alt.Y(
                "lag:Q",
                title="behind (log scale)",
                scale=alt.Scale(type="symlog", constant=1, domainMin=0),
                axis=alt.Axis(values=list(ticks), labelExpr=f"{cases} : ''"),
            ),
            tooltip=[_time_tip(span), alt.Tooltip("lag:Q", title="seconds behind", format=",.1f")],
        )
    )
    return _figure(chart, 200, f"Bars: seconds behind the stream's tip, the most per {span.unit}.")


def draw_arrivals(arrivals: Sequence[ArrivalCount], types: Sequence[str], span: Span) -> Figure:
    """Draw a map of cells: a row for each type, a column for each unit of time.

    The colour of a cell is the stronger, the nearer its count is to the largest of its row.
    """
    peaks = {name: max((cell.count for cell in arrivals if cell.event_type == name), default=1) for name in types}
    rows = [
        {
            "begin": _iso(cell.begin),
            "type": cell.event_type,
            "count": cell.count,
            "of": round(cell.count / peaks[cell.event_type], 3),
        }
        for cell in arrivals
    ]
    chart = (
        alt.Chart(_data(rows))
        .mark_rect(color=ACCEPTED)
        .encode(
            x=_time_axis([cell.begin for cell in arrivals], span),
            y=_names_axis(types),
            opacity=alt.Opacity("of:Q", scale=alt.Scale(domain=[0, 1], range=[0.1, 1]), legend=None),
            tooltip=[_time_tip(span), alt.Tooltip("type:N"), alt.Tooltip("count:Q", title="events", format=",")],
        )
    )
    return _figure(chart, _ROW * len(types) + 60, f"Events per {span.unit} of arrival for each of {len(types)} types.")


def draw_bars(counts: Sequence[Count], what: str, colour: str) -> Figure:
    """Draw horizontal bars in the given order, with their numbers. `what` names what is counted, like "events"."""
    room = 8 * max((len(f"{count.count:,}") for count in counts), default=1) + 8
    rows = [{"type": count.name, "count": count.count} for count in counts]
    base = alt.Chart(_data(rows)).encode(
        # To the right of the longest bar there must be room for its number.
        x=alt.X(
            "count:Q", axis=None, scale=alt.Scale(domainMin=0, rangeMax=alt.ExprRef(f"width - {room}"), nice=False)
        ),
        y=_names_axis([count.name for count in counts]),
        tooltip=[alt.Tooltip("type:N", title=" "), alt.Tooltip("count:Q", title=what, format=",")],
    )
    chart = base.mark_bar(color=colour, cornerRadiusEnd=3) + base.mark_text(align="left", dx=6).encode(
        text=alt.Text("count:Q", format=",")
    )
    return _figure(chart, _ROW * len(counts) + 10, f"Bars of {what}: the numbers stand beside them.")


def _figure(chart: alt.Chart | alt.LayerChart, height: int, description: str) -> Figure:
    autosize = alt.AutoSizeParams(type="fit", contains="padding")
    spec = chart.properties(width="container", height=height, autosize=autosize, description=description).to_dict()
    return Figure({**spec, "config": _CONFIG, "padding": 0}, height, description)


def _data(rows: Sequence[dict[str, Any]]) -> alt.InlineData:
    return alt.InlineData(values=list(rows))


def _iso(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def _gap(steps: Sequence[object]) -> int:
    """Return the pixels between bars: 0 for so many bars that on a phone the gaps would be wider than the bars."""
    return 1 if len(steps) <= 60 else 0


def _time_axis(begins: Sequence[datetime], span: Span) -> alt.X:
    first, last = min(begins, default=span.begin), max(begins, default=span.end)
    first = min(first, last - (_FEWEST_STEPS - 1) * span.step)
    ends = [_iso(first), _iso(last + span.step)]
    return alt.X(
        "begin:T",
        timeUnit=_TIME_UNITS[span.unit],
        title=None,
        scale=alt.Scale(type="utc", domain=ends),
        axis=_ticks(last - first),
    )


def _ticks(length: timedelta) -> alt.Axis:
    """Return an axis with days as labels if it is longer than two days, else with times of day."""
    if length > timedelta(days=2):
        return alt.Axis(grid=False, labelOverlap="greedy", labelSeparation=8, format="%-d %b", tickCount="day")
    return alt.Axis(grid=False, labelOverlap="greedy", labelSeparation=8, format="%H:%M", tickCount=8)


def _time_tip(span: Span) -> alt.Tooltip:
    return alt.Tooltip("begin:T", timeUnit=_TIME_UNITS[span.unit], title="from", format=_TIME_FORMATS[span.unit])


def _names_axis(names: Sequence[str]) -> alt.Y:
    axis = alt.Axis(labelLimit=160, labelColor="var(--ink)", grid=False, labelFontSize=12, labelOverlap=False)
    return alt.Y("type:N", sort=list(names), title=None, axis=axis)


def _kinds_scale(kinds: Iterable[str], legend: alt.Legend) -> alt.Color:
    names = list(kinds)
    return alt.Color("kind:N", scale=alt.Scale(domain=names, range=[_KINDS[name] for name in names]), legend=legend)
