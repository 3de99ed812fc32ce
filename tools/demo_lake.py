"""The lake that `make demo` makes, on the disk or in an emulated S3, and how its tables are read without Spark."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

FOLDER, BUCKET = Path(".demo/lake"), "demo"


@dataclass(frozen=True)
class Lake:
    """The demo's lake: in `FOLDER`, or in the S3 at the URL `s3`."""

    s3: str | None = None

    @property
    def root(self) -> str:
        """Return the lake's root, as the jobs and delta-rs take it."""
        return f"s3a://{BUCKET}/lake" if self.s3 else str(FOLDER)

    def settings(self) -> Mapping[str, str]:
        """Return the settings that differ from conf/local.toml: those of conf/s3a.toml, and those for an emulator."""
        if self.s3 is None:
            return {}
        spark = tomllib.loads(Path("conf/s3a.toml").read_text("utf-8"))["spark"]
        spark |= {
            "spark.hadoop.fs.s3a.endpoint": self.s3,
            "spark.hadoop.fs.s3a.endpoint.region": "us-east-1",
            "spark.hadoop.fs.s3a.path.style.access": "true",
        }
        return {"lake.root": self.root, **{f'spark."{key}"': json.dumps(value) for key, value in spark.items()}}

    def table(self, name: str) -> DeltaTable:
        """Return a table of the lake, to be read without Spark."""
        options = (
            {"AWS_ENDPOINT_URL": self.s3, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1"} if self.s3 else None
        )
        return DeltaTable(f"{self.root}/{name}", storage_options=options)

    def rows(self, name: str) -> int:
        """Return the number of rows of a table."""
        return int(self.table(name).to_pyarrow_dataset().count_rows())

    def columns(self, name: str, columns: list[str]) -> dict[str, list[Any]]:
        """Return the values of some columns of a table, which must fit into memory."""
        values: dict[str, list[Any]] = self.table(name).to_pyarrow_table(columns=columns).to_pydict()
        return values
