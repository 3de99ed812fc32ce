"""Event Lake's package; `lib/` is its source root."""

import re
from pathlib import Path

from setuptools import find_packages, setup

VERSION = re.search(r'__version__ = "(.+)"', Path("lib/event_lake/__init__.py").read_text("utf-8"))
assert VERSION, "lib/event_lake/__init__.py holds the version"

# A cluster brings its own Spark and Delta; `local` is what makes a laptop a cluster.
LOCAL = ["pyspark==4.2.0", "delta-spark==4.4.0", "rich==15.0.0"]
# For jobs/quality_report.py, on the machine that runs it.
REPORT = ["altair==6.3.0", "jinja2==3.1.6", "vl-convert-python==1.9.0.post1"]
DEV = [
    "aws-kinesis-agg==1.2.3",
    "boto3-stubs[kinesis]==1.43.126",
    "chispa==0.12.0",
    "databricks-bundles==1.22.1",
    "deltalake==1.6.6",
    "duckdb==1.5.5",
    "duckdb-extension-aws==1.5.5",
    "duckdb-extension-delta==1.5.5",
    "duckdb-extension-httpfs==1.5.5",
    "hypothesis==6.170.15",
    "grimp==3.19",
    "markdown-it-py==4.3.0",
    "moto[server]==5.2.5",
    "mypy==2.4.1",
    "pandas==2.3.3",  # without it Spark has no mapInArrow
    "psutil==7.2.2",
    "pytest==9.2.0",
    "pytest-xdist==3.8.0",
    "pyyaml==6.0.4",
    "ruff==0.17.5",
    "setuptools==84.2.1",
    "six==1.17.0",  # imported by aws-kinesis-agg, which doesn't say so
    "types-psutil==7.2.2.20261111",
]

setup(
    name="event-lake",
    version=VERSION[1],
    description="Kinesis events into Delta Lake, exactly once, with nothing lost silently",
    python_requires=">=3.11",
    package_dir={"": "lib"},
    packages=find_packages("lib"),
    entry_points={
        "console_scripts": ["event-lake = event_lake.__main__:main"],
        # For Databricks' wheel tasks, which look a name up in any group.
        "event_lake": ["task = event_lake.__main__:run_task"],
    },
    package_data={"event_lake": ["py.typed"], "event_lake.report": ["*.css", "*.html", "*.js"]},
    install_requires=["boto3>=1.44,<2", "orjson>=3.10,<4", "pyarrow>=18"],
    extras_require={"local": [*LOCAL, *REPORT], "report": REPORT, "dev": DEV},
)
