"""Whatever arrives, whatever is resharded, however often the planner starts anew: each record once, parents first."""

from hypothesis import given, settings
from hypothesis import strategies as st

from event_lake.errors import DataLossError
from support.generated_streams import Stream, steps, streams, take


@settings(max_examples=300, deadline=None)
@given(stream=streams(), sequence=st.lists(steps, max_size=12))
def test_any_sequence_of_batches_restarts_and_arrivals_reads_each_record_once_in_order(
    stream: Stream, sequence: list[tuple[str, float]]
) -> None:
    take(stream, sequence)
    stream.run_dry()
    assert stream.read == stream.expected


@settings(max_examples=300, deadline=None)
@given(
    stream=streams().filter(lambda stream: not stream.lists_late),
    sequence=st.lists(steps, max_size=6),
    stopped=st.floats(0, 5_000),
    edge=st.floats(0, 1),
)
def test_what_a_shorter_retention_has_trimmed_while_the_query_was_stopped_is_told(
    stream: Stream, sequence: list[tuple[str, float]], stopped: float, edge: float
) -> None:
    take(stream, sequence)
    shards = stream.shards
    shards.clock += stopped
    shards.trim_until(edge * shards.clock)
    gone = {s: set(shards.numbers(s)) - set(shards.held_numbers(s)) for s in stream.shard_ids}
    begun = [s for s in stream.shard_ids if any(stream.read[t] for t in {s, *shards.ancestors(s)})]
    lost = any(gone[s] & set(stream.expected[s]) - set(stream.read[s]) for s in begun)
    stream.restart()
    try:
        stream.planner.refuse_losses(stream.offset)
    except DataLossError:
        assert any(set(stream.read[s][-1:]) & gone[s] for s in stream.shard_ids)
    else:
        assert not lost


@settings(max_examples=50, deadline=None)
@given(stream=streams())
def test_once_all_is_read_every_further_trigger_returns_its_start(stream: Stream) -> None:
    stream.run_dry()
    for _ in range(3):
        stream.shards.clock += 61
        assert stream.planner.next_end(stream.offset, None, stream.bounds) == stream.offset
