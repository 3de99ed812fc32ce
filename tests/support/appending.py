"""Append a row to a Delta table in S3, as a driver of its own that takes no lease.

    python -m support.appending PATH NUMBER ENDPOINT LOG_STORE

`NUMBER` is the row. `LOG_STORE` is the class that writes Delta's log, or "" for Delta's own.
"""

import sys

from event_lake.config.files import load_settings
from event_lake.lake.session import spark_session
from support.counted_s3 import CountedS3

if __name__ == "__main__":
    path, number, endpoint, log_store = sys.argv[1:]
    settings = {**load_settings("conf/local.toml").spark, **CountedS3(endpoint).spark_settings()}
    del settings["spark.delta.logStore.s3a.impl"]
    if log_store:
        settings["spark.delta.logStore.s3a.impl"] = log_store
    with spark_session("appending", settings) as spark:
        rows = spark.createDataFrame([(int(number),)], "number int")
        rows.write.format("delta").mode("append").save(path)
