"""Reads one shard, answer by answer."""

from datetime import datetime

from event_lake.errors import ServiceUnavailableError
from event_lake.kinesis.api.reads import IteratorExpiredError, Page, Reads
from event_lake.kinesis.offsets import After, At, TrimHorizon, describe_position, instant_of_seconds

# A shard answers 5 GetRecords a second (Kinesis API reference, GetRecords).
PAUSE_SECONDS = 0.2
# The empty answers in a row that may come no nearer to the tip: 200 s of them, as long as a call is repeated.
_MOST_IN_VAIN = 1_000


class Cursor:
    """Reads a shard from a position on, and takes a new iterator if Kinesis lets the old one expire.

    `position` lies after the last record that was read. `at_tip` is True if the last answer said that nothing is
    after it, and `closed` if it was the last of a closed shard. If `inclusive`, the cursor begins with the record of
    the first position itself, if the shard still holds that.
    """

    def __init__(
        self, reads: Reads, shard_id: str, position: TrimHorizon | At | After, *, inclusive: bool = False
    ) -> None:
        self._reads = reads
        self._shard_id = shard_id
        self._inclusive = inclusive
        self._iterator: str | None = None
        self.position = position
        self.at_tip = False
        self.closed = False

    def page(self, limit: int = 10_000) -> Page:
        """Return the next answer, which may be empty with records after it.

        Raise ShardGoneError if Kinesis doesn't know the shard.
        """
        assert not self.closed, "nothing is after the end of a closed shard"
        try:
            page = self._reads.get_records(self._current_iterator(), limit)
        except IteratorExpiredError:
            self._iterator = None
            page = self._page_of_new_iterator(limit)
        if page.sequence_numbers:
            self.position = After(page.sequence_numbers[-1], instant_of_seconds(page.arrived[-1]))
            self._inclusive = False
        self._iterator = page.next_iterator
        self.at_tip = page.at_tip
        self.closed = page.next_iterator is None
        return page

    def records(self, limit: int = 10_000) -> Page:
        """Return the next answer that has records or is at the tip, and skip the empty ones that Kinesis gives between.

        Pause for 0.2 s after each empty answer. Raise ServiceUnavailableError if 1,000 of them in a row, which take
        200 s, come no nearer to the tip. Raise ShardGoneError if Kinesis doesn't know the shard.
        """
        page = self.page(limit)
        nearest, in_vain = page.millis_behind, 0
        while not page.sequence_numbers and not page.at_tip:
            if in_vain == _MOST_IN_VAIN:
                raise ServiceUnavailableError(
                    f"shard {self._shard_id}: {in_vain} empty answers after {describe_position(self.position)}, though"
                    f" there is more, {nearest} ms from the tip at the nearest"
                )
            self._reads.pause(PAUSE_SECONDS)
            page = self.page(limit)
            in_vain = 0 if page.millis_behind < nearest else in_vain + 1
            nearest = min(nearest, page.millis_behind)
        return page

    def last_records(self, page: Page, until: datetime) -> Page:
        """Read on from `page` to the tip, or to a record that arrived at `until` or later. Return the last records."""
        while not page.at_tip and page.arrived[-1] < until.timestamp():
            following = self.records()
            if not following.sequence_numbers:
                break
            page = following
        return page

    def _current_iterator(self) -> str:
        if self._iterator is None:
            self._iterator = self._reads.iterator(self._shard_id, self.position, inclusive=self._inclusive)
        return self._iterator

    def _page_of_new_iterator(self, limit: int) -> Page:
        try:
            return self._reads.get_records(self._current_iterator(), limit)
        except IteratorExpiredError as error:
            raise ServiceUnavailableError(f"shard {self._shard_id}: a new iterator expired at once") from error
