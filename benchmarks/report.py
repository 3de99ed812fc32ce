"""Show a benchmark's figures as a table: a row for each figure, a column for each station."""

from collections.abc import Mapping

from rich.table import Table

from benchmarks.figures import Figures

# The stations from the stream to the raw layer. What one costs more than the one before it is its own price.
_WAY = ("source", "source+parse", "source+parse+dedup", "raw")


def table_of(title: str, stations: Mapping[str, Figures]) -> Table:
    """Return a table of all figures. The stations of `_WAY` also have the price of their own work, and its share."""
    table = _columns(title, stations)
    prices = _prices(stations)
    for name in _figure_names(stations):
        table.add_row(name, *[format_number(figures.get(name)) for figures in stations.values()])
        if name == "us/event":
            table.add_row("  by its own work", *[format_number(prices.get(station)) for station in stations])
            table.add_row("  share of the way", *[_share(prices, station, stations) for station in stations])
    return table


def ratios_of(title: str, a: Mapping[str, Figures], b: Mapping[str, Figures]) -> Table:
    """Return a table of B/A for every figure that both have."""
    both = {name: b[name] for name in a if name in b}
    table = _columns(title, both)
    for name in _figure_names(both):
        table.add_row(name, *[_ratio(a[station].get(name), b[station].get(name)) for station in both])
    return table


def _columns(title: str, stations: Mapping[str, Figures]) -> Table:
    table = Table("", title=title)
    for station in stations:
        table.add_column(station.replace("source+parse+", "…+"), justify="right", no_wrap=True)
    return table


def _figure_names(stations: Mapping[str, Figures]) -> list[str]:
    return list(dict.fromkeys(name for figures in stations.values() for name in figures))


def _prices(stations: Mapping[str, Figures]) -> dict[str, float]:
    """Return the microseconds an event that each station's own work takes, if the one before it was measured, too."""
    upto = [0.0, *(stations.get(name, {}).get("us/event") for name in _WAY)]
    return {
        name: after - before
        for name, before, after in zip(_WAY, upto, upto[1:], strict=False)
        if before is not None and after is not None
    }


def _share(prices: Mapping[str, float], station: str, stations: Mapping[str, Figures]) -> str:
    if station not in prices or "raw" not in stations:
        return ""
    return f"{prices[station] / stations['raw']['us/event']:.0%}"


def format_number(value: float | None) -> str:
    """Return a number, rounded to three significant digits or more; an empty text for None."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def _ratio(a: float | None, b: float | None) -> str:
    return f"{b / a:.2f}" if a and b is not None else ""
