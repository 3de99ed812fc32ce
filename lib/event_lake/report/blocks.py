"""What a section of the page is made of."""

from collections.abc import Sequence
from dataclasses import dataclass

from event_lake.report.contents import Refusal
from event_lake.report.figures import Figure


@dataclass(frozen=True)
class Plot:
    """A plot under its title."""

    title: str
    figure: Figure


@dataclass(frozen=True)
class TableBlock:
    """A table under its title; the columns whose indices are in `numeric` stand right."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: frozenset[int]


@dataclass(frozen=True)
class Examples:
    """Masked records, one for each reason."""

    refusals: Sequence[Refusal]


@dataclass(frozen=True)
class Note:
    """A sentence of its own, like what isn't there and why."""

    text: str


Block = Plot | TableBlock | Examples | Note


@dataclass(frozen=True)
class Section:
    """A part of the page; `lead` says what one sees and what is normal."""

    anchor: str
    title: str
    lead: str
    blocks: Sequence[Block]
