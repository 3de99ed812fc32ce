"""Define the parts of a section of the page."""

from collections.abc import Sequence
from dataclasses import dataclass

from event_lake.report.contents import Refusal
from event_lake.report.figures import Figure


@dataclass(frozen=True)
class Plot:
    """A plot with a title above it."""

    title: str
    figure: Figure


@dataclass(frozen=True)
class TableBlock:
    """A table with a title above it. `numeric` has the indices of the columns that are aligned to the right."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: frozenset[int]


@dataclass(frozen=True)
class Examples:
    """Examples of quarantined records with their letters and digits masked, one for each reason."""

    refusals: Sequence[Refusal]


@dataclass(frozen=True)
class Note:
    """A paragraph. It often says that a plot has no data, and why."""

    text: str


Block = Plot | TableBlock | Examples | Note


@dataclass(frozen=True)
class Section:
    """A part of the page. Its first paragraph, `lead`, says what the blocks show and what is normal."""

    anchor: str
    title: str
    lead: str
    blocks: Sequence[Block]
