"""Render the report as one HTML page that loads nothing. Pure."""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

import altair as alt
import vl_convert
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from event_lake.lake.untrusted import format_name
from event_lake.report import wording
from event_lake.report.contents import Report
from event_lake.report.sections import make_sections


@dataclass(frozen=True)
class Term:
    """A number of the ledger's equation (read = raw + duplicates + quarantined), and the sign before it."""

    sign: str
    kind: str
    value: str
    label: str


@dataclass(frozen=True)
class Checked:
    """A sentence about something that must hold, and whether it `holds`. None marks a sentence that only informs."""

    holds: bool | None
    text: str


@dataclass(frozen=True)
class Balance:
    """The ledger's equation, summed over the report's batches, and the checks of it."""

    terms: tuple[Term, ...]
    checks: tuple[Checked, ...]


def render_page(report: Report) -> str:
    """Return the page as HTML. Texts from the data are escaped, and the page's policy allows only its own script."""
    balance = _balance(report) if report.span else None
    script = _script()
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "instant": wording.format_instant,
        "name": format_name,
        "number": wording.format_number,
    }
    return environment.from_string(_file("page.html")).render(
        headline=_headline(balance),
        title_time=wording.format_instant(report.generated_at),
        lake=report.lake,
        generated_at=report.generated_at,
        span=report.span,
        balance=balance,
        sections=make_sections(report),
        style=Markup(_file("page.css")),  # noqa: S704 (our own files)
        script=Markup(script),  # noqa: S704
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _balance(report: Report) -> Balance:
    sums = {
        kind: sum(getattr(step, kind) for step in report.ingested)
        for kind in ("read", "raw", "duplicates", "quarantined")
    }
    labels = ("records read", "raw", "duplicates", "quarantined")
    terms = tuple(
        Term(sign, kind, wording.format_number(count), label)
        for sign, (kind, count), label in zip(("", "=", "+", "+"), sums.items(), labels, strict=True)
    )
    return Balance(terms, tuple(_checks(report, sums)))


def _checks(report: Report, sums: dict[str, int]) -> Iterator[Checked]:
    unbalanced = sum(step.unbalanced for step in report.ingested)
    holes = sum(step.holes for step in report.ingested)
    rows = wording.format_count(unbalanced, "row")
    yield Checked(
        not unbalanced,
        f"{rows} of the ledger don't balance: reconcile names them."
        if unbalanced
        else "Each row of the ledger balances: read = raw + duplicates + quarantined.",
    )
    yield Checked(
        not holes,
        f"Records expired before they were read: {wording.format_count(holes, 'hole')} in the ledger."
        if holes
        else "Nothing expired before it was read.",
    )
    row_counts = {"events": report.accepted.rows if report.accepted else 0, "quarantine": report.quarantined}
    for table, kind in (("events", "raw"), ("quarantine", "quarantined")):
        rows_in_table, counted = row_counts[table], sums[kind]
        differs = f"raw/{table} has {rows_in_table:,} rows, but the ledger counts {counted:,}."
        yield Checked(
            rows_in_table == counted,
            differs if rows_in_table != counted else f"raw/{table} has the {counted:,} rows that the ledger counts.",
        )
    if report.staged is not None:
        left = sums["raw"] - report.staged
        others = f"{left:,} are copies that came after the dedup window, or wait for the next build_staging"
        yield Checked(None, f"staging/events has {report.staged:,} of them{f'; {others}' if left else ''}.")


def _headline(balance: Balance | None) -> str:
    if balance is None:
        return "Nothing has arrived"
    return (
        "Every record is accounted for"
        if all(check.holds is not False for check in balance.checks)
        else "Something is missing"
    )


@cache
def _script() -> str:
    version = alt.SCHEMA_VERSION.removeprefix("v").rsplit(".", 1)[0]
    library = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)
    # An HTML parser would end the script at "</script". In JavaScript's strings "<\/script" means the same.
    return f"{library}\n{_file('page.js')}".replace("</script", "<\\/script")


def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")
