"""One shard, page by page."""

from datetime import datetime

from event_lake.errors import ServiceUnavailableError
from event_lake.kinesis.api.reads import IteratorExpiredError, Page, Reads
from event_lake.kinesis.offsets import After, At, TrimHorizon, describe_position, instant_of_seconds

# A shard answers 5 GetRecords a second.
PAUSE_SECONDS = 0.2
# Empty answers in a row that come no nearer to the tip: 200 s of them, as long as any call is asked again.
_MOST_IN_VAIN = 1_000


class Cursor:
    """Reads a shard from a position on; where Kinesis lets the iterator expire, it takes a new one and goes on.

    `position` moves with what is read; `at_tip`: the last answer said that nothing is behind it; `closed` once the
    shard takes no more and all of it is read. `inclusive`: begins on the record of the first position, if that is still
    there, and not behind it.
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
        """The next answer, which may be empty with records behind it. Raises ShardGoneError."""
        assert not self.closed, "nothing is behind the end of a closed shard"
        try:
            page = self._reads.get_records(self._taken(), limit)
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
        """The next answer that has records or is at the tip: Kinesis answers emptily in between.

        Pauses behind each empty answer. Raises ServiceUnavailableError where 1,000 of them, which take 200 s, come no
        nearer to the tip.
        """
        page = self.page(limit)
        nearest, in_vain = page.millis_behind, 0
        while not page.sequence_numbers and not page.at_tip:
            if in_vain == _MOST_IN_VAIN:
                raise ServiceUnavailableError(
                    f"shard {self._shard_id}: {in_vain} empty answers behind {describe_position(self.position)}, though"
                    f" there is more, {nearest} ms from the tip at the nearest"
                )
            self._reads.pause(PAUSE_SECONDS)
            page = self.page(limit)
            in_vain = 0 if page.millis_behind < nearest else in_vain + 1
            nearest = min(nearest, page.millis_behind)
        return page

    def last_records(self, page: Page, until: datetime) -> Page:
        """The last answer with records from `page` on, up to the tip, or the first that reaches `until`."""
        while not page.at_tip and page.arrived[-1] < until.timestamp():
            following = self.records()
            if not following.sequence_numbers:
                break
            page = following
        return page

    def _taken(self) -> str:
        if self._iterator is None:
            self._iterator = self._reads.iterator(self._shard_id, self.position, inclusive=self._inclusive)
        return self._iterator

    def _page_of_new_iterator(self, limit: int) -> Page:
        try:
            return self._reads.get_records(self._taken(), limit)
        except IteratorExpiredError as error:
            raise ServiceUnavailableError(f"shard {self._shard_id}: a new iterator expired at once") from error
