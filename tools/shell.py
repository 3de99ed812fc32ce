"""Start a Spark session for `make shell`, with a lake's tables as views: the demo's, or those of a given folder."""

import atexit
import sys
from contextlib import ExitStack

from event_lake.config.files import load_settings
from event_lake.lake import layout, tables
from event_lake.lake.session import spark_session

ROOT = sys.argv[1] if len(sys.argv) > 1 else ".demo/lake"

session = ExitStack()
spark = session.enter_context(spark_session("shell", load_settings("conf/local.toml").spark))
atexit.register(session.close)
for table in (*layout.RAW, *layout.STAGING):
    if tables.exists(spark, ROOT, table):
        view = table.name.replace("/", "_")
        tables.read(spark, ROOT, table).createOrReplaceTempView(view)
print(f"Views of {ROOT}: {', '.join(view.name for view in spark.catalog.listTables()) or 'none; make demo first'}")
print('Try: spark.sql("select event_type, count(*) from raw_events group by 1 order by 2 desc").show()')
