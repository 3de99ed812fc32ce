"""Put records with PutRecords: in requests within its limits, at their times, and again if Kinesis refused them."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random
from typing import TYPE_CHECKING, Protocol

from event_lake.errors import ServiceUnavailableError
from event_lake.generator.sequence import Record

if TYPE_CHECKING:
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef

# The limits of one request. Source: Kinesis API reference, PutRecords.
MOST_RECORDS = 500
MOST_BYTES = 5 * 1024 * 1024

_MOST_TRIES = 10
_FIRST_DELAY_SECONDS = 0.1
_LONGEST_DELAY_SECONDS = 5.0


class PutsRecords(Protocol):
    """The method of `kinesis.api.client.KinesisClient` that is needed here."""

    def put_records(self, entries: Sequence["PutRecordsRequestEntryTypeDef"]) -> list[str | None]:
        """Put the entries; return for each None if it was taken, else the error's code."""


class RecordPutter:
    """A client that puts batches of records. `put_again` counts the records that it put again after a refusal.

    Kinesis takes every record once. A refused record comes after the rest of its batch, so records of a partition key
    may change their order. The AWS SDK repeats a request whose answer is lost. The copies that this leaves are in no
    count.
    """

    def __init__(
        self, client: PutsRecords, *, sleep: Callable[[float], None] = time.sleep, rng: Random | None = None
    ) -> None:
        self._client = client
        self._sleep = sleep
        self._rng = rng or Random()
        self.put_again = 0

    def put(self, batch: Sequence[Record]) -> None:
        """Put all records of `batch`, which must fit into one request.

        Raises ServiceUnavailableError, with the codes of the last answer, if Kinesis refuses some of them 10 times.
        """
        left: Sequence[Record] = batch
        for attempt in range(_MOST_TRIES):
            if attempt:
                self.put_again += len(left)
                self._sleep(self._delay(attempt))
            codes = self._client.put_records([{"Data": r.data, "PartitionKey": r.partition_key} for r in left])
            refused = Counter(code for code in codes if code)
            if not refused:
                return
            left = [record for record, code in zip(left, codes, strict=True) if code]
        named = ", ".join(f"{code} ({count})" for code, count in refused.most_common())
        raise ServiceUnavailableError(f"PutRecords: {len(left)} records refused {_MOST_TRIES} times: {named}")

    def _delay(self, attempt: int) -> float:
        # Delays are random ("full jitter"), so that producers that were refused together don't come back together.
        longest = min(_LONGEST_DELAY_SECONDS, _FIRST_DELAY_SECONDS * 2 ** (attempt - 1))
        return self._rng.uniform(0, longest)


def batches(records: Iterable[Record], *, most_seconds: float) -> Iterator[list[Record]]:
    """Yield the records in order, in batches that fit into a request and span less than `most_seconds` of timeline."""
    batch: list[Record] = []
    size = 0
    for record in records:
        fits = len(batch) < MOST_RECORDS and size + record.size <= MOST_BYTES
        if batch and not (fits and record.seconds - batch[0].seconds < most_seconds):
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += record.size
    if batch:
        yield batch


def pace(
    in_time: Iterable[list[Record]],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[list[Record]]:
    """Yield each batch at the time of its last record. The first record's time is now.

    A batch that is behind its time is yielded at once, so the rate is kept on average.
    """
    start: float | None = None
    for batch in in_time:
        if start is None:
            start = clock() - batch[0].seconds
        wait = start + batch[-1].seconds - clock()
        if wait > 0:
            sleep(wait)
        yield batch
