"""Run streams whose batches a test can follow, with a reporter that remembers its calls."""

from collections.abc import Callable
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery
from pyspark.sql.streaming.readwriter import DataStreamWriter

from event_lake.lake.ledger import Totals, Written
from event_lake.progress.report import BatchReport
from event_lake.progress.reporter import Reporter

Batch = Callable[[DataFrame, int], None]


class Lines:
    """A stream of text files that have one line each; each file is a batch.

    `written` are the lines that were written so far, `batches` the ids of their batches.
    """

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self._spark = spark
        self._folder = folder
        (folder / "in").mkdir()
        self.written: list[str] = []
        self.batches: list[int] = []

    def put(self, *lines: str) -> None:
        """Add a file for each line."""
        for line in lines:
            (self._folder / "in" / line).write_text(f"{line}\n", "utf-8")

    def start(self, batch: Batch, every: str = "0 seconds") -> StreamingQuery:
        """Start the query, which by default begins the next batch at once."""
        return self._writing(batch).trigger(processingTime=every).start()

    def start_all(self, batch: Batch) -> StreamingQuery:
        """Start the query for the files that exist now."""
        return self._writing(batch).trigger(availableNow=True).start()

    def _writing(self, batch: Batch) -> DataStreamWriter:
        stream = self._spark.readStream.option("maxFilesPerTrigger", 1).text(str(self._folder / "in"))
        clocked = stream.withColumn("at", F.current_timestamp()).withWatermark("at", "1 hour")
        return (
            clocked.dropDuplicatesWithinWatermark(["value"])
            .writeStream.option("checkpointLocation", str(self._folder / "checkpoint"))
            .foreachBatch(batch)
        )

    def write(self, rows: DataFrame, batch_id: int) -> Written:
        """Write a batch to memory."""
        values = [row.value for row in rows.collect()]
        self.written += values
        self.batches.append(batch_id)
        return Written(totals=Totals(read=len(values), raw=len(values)))

    def log(self, name: str) -> list[int]:
        """Return the ids of the batches in the checkpoint's log called `name`: "offsets" or "commits"."""
        return sorted(int(file.name) for file in (self._folder / "checkpoint" / name).glob("[0-9]*"))


class RememberingReporter(Reporter):
    """A reporter that remembers its calls, and calls `at_tick` at each tick."""

    def __init__(self, at_tick: Callable[["RememberingReporter"], None] = lambda _: None) -> None:
        self.began_batches: list[int] = []
        self.reports: list[BatchReport] = []
        self._at_tick = at_tick

    def began(self, batch_id: int) -> None:
        self.began_batches.append(batch_id)

    def finished(self, report: BatchReport) -> None:
        self.reports.append(report)

    def tick(self) -> None:
        self._at_tick(self)

    @property
    def finished_batches(self) -> list[int]:
        return [report.batch_id for report in self.reports]
