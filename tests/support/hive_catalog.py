"""A Spark with a Hive metastore of its own, embedded: a process by itself, as a session can't change to another one.

`python -m support.hive_catalog FOLDER STEP` does a step in the metastore and the lake in FOLDER, and prints as JSON
what is in the schema `events` then:

- `stage`: make the schema and a raw layer, and build staging twice.
- `look`: nothing; another session reads what is registered.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from event_lake.config.files import load_settings
from event_lake.lake import catalog, layout, tables, views
from event_lake.lake.descriptions import describe
from event_lake.lake.session import spark_session
from event_lake.staging.build import build_staging
from support.raw_layers import Event, RawLayer, settings_of

_SCHEMA = "spark_catalog.events"
_STAGED = (*layout.RAW, *layout.STAGING)


def main(folder: str, step: str) -> None:
    """Do the step, and print what is in the schema."""
    local = load_settings("conf/local.toml").spark
    hive = {
        "spark.sql.catalogImplementation": "hive",
        "spark.sql.warehouse.dir": f"{folder}/warehouse",
        "spark.driver.extraJavaOptions": f"-Dderby.stream.error.file={folder}/derby.log",
        "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:{folder}/metastore;create=true",
    }
    with spark_session("hive", {**local, **hive}) as spark:
        commits = _stage(spark, f"{folder}/lake") if step == "stage" else []
        print(json.dumps({"commits": commits, "tables": _registered(spark)}))


def _stage(spark: SparkSession, root: str) -> list[list[int]]:
    spark.sql(f"create schema {_SCHEMA}")
    raw, plain = RawLayer(spark, root), settings_of(root)
    settings = replace(plain, lake=replace(plain.lake, catalog=_SCHEMA))
    raw.gains(Event(uuid="a", says='{"v":1}'), Event(uuid="a", says='{"v":2}', arrived=9), Event(uuid="b"))
    commits = []
    for _ in range(2):
        catalog.register(spark, settings.lake, [*map(describe, layout.RAW)], views.RAW)
        build_staging(spark, settings)
        commits.append([tables.newest_version(spark, root, table) for table in _STAGED])
    return commits


def _registered(spark: SparkSession) -> dict[str, dict[str, Any]]:
    return {
        row.tableName: {
            "rows": spark.table(f"{_SCHEMA}.{row.tableName}").count(),
            "comments": {c.name: c.metadata.get("comment") for c in spark.table(f"{_SCHEMA}.{row.tableName}").schema},
            **_details(spark, row.tableName),
        }
        for row in spark.sql(f"show tables in {_SCHEMA}").collect()
    }


def _details(spark: SparkSession, name: str) -> dict[str, Any]:
    rows = spark.sql(f"describe table extended {_SCHEMA}.{name}").collect()
    return {row.col_name: row.data_type for row in rows if row.col_name in ("Type", "Comment", "Location")}


if __name__ == "__main__":
    main(str(Path(sys.argv[1]).absolute()), sys.argv[2])
