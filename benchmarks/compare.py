"""Compare benchmark B with A: print B/A of every station and figure that both have."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.report import ratios_of


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("a", type=Path, metavar="A", help="what run.py wrote")
    parser.add_argument("b", type=Path, metavar="B", help="what it wrote another time")
    args = parser.parse_args()
    a, b = _read(args.a), _read(args.b)
    conditions_a, conditions_b = _conditions(a), _conditions(b)
    differing = [key for key in ("parameters", "cores") if conditions_a[key] != conditions_b[key]]
    if differing:
        key = differing[0]
        parser.exit(2, f"{parser.prog}: can't be compared: {key} {conditions_a[key]} in A, {conditions_b[key]} in B\n")
    console = Console()
    for name, report in (("A", a), ("B", b)):
        machine = report["machine"]
        console.print(f"{name}: {machine['commit']} on {machine['date']} {' '.join(report['set'])}", markup=False)
    if a["stations"] and b["stations"]:
        console.print(ratios_of("B/A", a["stations"], b["stations"]))
    if "source" in a and "source" in b:
        if a["source"]["scale"] != b["source"]["scale"]:
            parser.exit(2, f"{parser.prog}: can't be compared: the source was measured at different scales\n")
        for name in a["source"]["figures"]:
            console.print(ratios_of("B/A", *({name: r["source"]["figures"].get(name, {})} for r in (a, b))))
    return 0


def _conditions(report: dict[str, Any]) -> dict[str, Any]:
    """Return the conditions that must be the same in both runs."""
    return {"parameters": report["parameters"], "cores": report["machine"]["cores"]}


def _read(path: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return report


if __name__ == "__main__":
    sys.exit(main())
