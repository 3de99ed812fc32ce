from hashlib import md5

import pytest
from google.protobuf.message import DecodeError
from hypothesis import assume, example, given
from hypothesis import strategies as st

from event_lake.kinesis.reading.aggregation import MAGIC, UserRecord, user_records
from support.kpl import Put, aggregated, messages_pb2

hash_keys = st.none() | st.integers(0, 2**128 - 1).map(str)
puts = st.lists(st.tuples(st.text(min_size=1, max_size=256), st.binary(max_size=400), hash_keys), min_size=1)


def as_protobuf_reads(message: bytes) -> list[UserRecord] | None:
    """None for what it refuses, for keys that aren't UTF-8 (it gives them as bytes), and for no records."""
    try:
        aggregate = messages_pb2.AggregatedRecord.FromString(message)
        table = list(aggregate.partition_key_table)
        split = [UserRecord(table[record.partition_key_index], record.data) for record in aggregate.records]
    except (DecodeError, IndexError):
        return None
    readable = aggregate.IsInitialized() and all(isinstance(key, str) for key in table)
    return split or None if readable else None


def sealed(message: bytes) -> bytes:
    return MAGIC + message + md5(message).digest()


def message_of(aggregate: bytes) -> bytes:
    return aggregate[4:-16]


def varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def fixed32(number: int, value: bytes = b"\x0a\x01k\x00") -> bytes:
    return varint(number << 3 | 5) + value


def fixed64(number: int, value: bytes = b"\x0a\x01k\x00" * 2) -> bytes:
    return varint(number << 3 | 1) + value


def key(text: str) -> bytes:
    return field(1, text.encode())


def record(index: int, data: bytes) -> bytes:
    return field(3, field(1, index) + field(3, data))


@given(puts)
@example([("a", b"", None)])
@example([("東京/🗼", b"\x00\xff", "0"), ("مفتاح", MAGIC, None), ("東京/🗼", b"{}", str(2**128 - 1))])
@example([(f"key {index}", b"x" * 300, None) for index in range(200)])
def test_an_aggregate_is_split_into_what_was_put_in_its_order_whatever_its_hash_keys(records: list[Put]) -> None:
    assert user_records(aggregated(*records)) == [(partition_key, data) for partition_key, data, _ in records]


@given(st.binary())
@example(b"")
@example(MAGIC[:3])
@example(b'{"event_uuid": "0"}')
@example(b"\n" + sealed(key("a") + record(0, b"1")))
def test_what_does_not_begin_with_the_magic_number_is_plain(data: bytes) -> None:
    assume(not data.startswith(MAGIC))
    assert user_records(data) is None


@given(st.binary(max_size=40))
@example(b"")
@example(md5(b"").digest()[1:])
def test_what_only_begins_with_the_magic_number_is_plain(rest: bytes) -> None:
    assert user_records(MAGIC + rest) is None


@given(puts, st.data())
def test_an_aggregate_with_any_byte_changed_is_plain(records: list[Put], data: st.DataObject) -> None:
    damaged = bytearray(aggregated(*records))
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    assert user_records(bytes(damaged)) is None


@given(puts, st.data())
def test_an_aggregate_cut_off_anywhere_is_plain(records: list[Put], data: st.DataObject) -> None:
    aggregate = aggregated(*records)
    assert user_records(aggregate[: data.draw(st.integers(0, len(aggregate) - 1))]) is None


def test_an_aggregate_with_anything_after_it_is_plain() -> None:
    assert user_records(aggregated(("a", b"1", None)) + b"\n") is None


@given(st.binary())
def test_any_bytes_with_a_right_checksum_are_plain_or_split_and_never_vanish(message: bytes) -> None:
    assert user_records(sealed(message)) != []


@given(puts, st.data())
def test_a_message_damaged_before_its_checksum_is_plain_or_read_as_protobuf_reads_it(
    records: list[Put], data: st.DataObject
) -> None:
    damaged = bytearray(message_of(aggregated(*records)))
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    message = bytes(damaged[: data.draw(st.integers(0, len(damaged)) | st.just(len(damaged)))])
    split, expected = user_records(sealed(message)), as_protobuf_reads(message)
    assert split != []
    # Protobuf alone skips groups, and alone looks into tags and hash keys.
    assert split == expected or None in (split, expected)


def joined(parts: st.SearchStrategy[bytes], max_size: int) -> st.SearchStrategy[bytes]:
    return st.lists(parts, max_size=max_size).map(b"".join)


short = st.binary(max_size=5)
indices = st.sampled_from([0, 0, 0, 1, 2**64 - 1])
unknown_fields = st.one_of(
    st.builds(field, st.sampled_from([5, 15, 16, 2**29 - 1]), short | st.integers(0, 2**64 - 1)),
    st.builds(fixed32, st.sampled_from([1, 3, 16]), st.binary(min_size=4, max_size=4)),
    st.builds(fixed64, st.sampled_from([1, 3, 16]), st.binary(min_size=8, max_size=8)),
)
fields_of_records = joined(
    st.builds(field, st.just(1), indices) | st.builds(field, st.just(3), short) | unknown_fields, 4
)
sound_fields = st.one_of(
    st.builds(key, st.text(max_size=3)),
    st.builds(record, st.just(0), short),
    st.builds(
        lambda *parts: field(3, b"".join(parts)), fields_of_records, st.just(record(0, b"")[2:]), fields_of_records
    ),
    unknown_fields,
)
odd_fields = st.one_of(
    st.builds(field, st.just(1), short),
    st.builds(field, st.just(3), fields_of_records | short),
    st.builds(field, st.sampled_from([0, 2**29, 2**61 - 1]), short),
)
messages = st.builds(
    bytes.__add__,
    st.just(key("k")),
    joined(sound_fields, 6) | joined(st.one_of(*[sound_fields] * 4, odd_fields), 6),
)


@given(messages, st.sampled_from([0, 0, 0, 1, 2, 5]))
def test_a_message_of_any_fields_is_read_as_protobuf_reads_it(message: bytes, cut: int) -> None:
    message = message[: len(message) - cut]
    assert user_records(sealed(message)) == as_protobuf_reads(message)


def test_keys_may_follow_the_records_that_refer_to_them() -> None:
    message = record(1, b"1") + key("a") + record(0, b"2") + key("b")
    assert user_records(sealed(message)) == [("b", b"1"), ("a", b"2")]


def test_the_last_of_a_records_indices_and_of_its_data_holds() -> None:
    twice = field(3, field(3, b"1") + field(1, 7) + field(3, b"2") + field(1, 1))
    assert user_records(sealed(key("a") + key("b") + twice)) == [("b", b"2")]


@pytest.mark.parametrize(
    "unknown",
    [
        field(4, 2**64 - 1),
        field(2**29 - 1, b"\x0a\x01k"),
        field(1, 0),
        field(3, 0),
        fixed32(1),
        fixed32(3),
        fixed64(1),
        fixed64(3),
    ],
    ids=bytes.hex,
)
def test_a_field_of_an_unknown_number_or_type_is_skipped(unknown: bytes) -> None:
    message = unknown + key("a") + unknown + record(0, b"1") + unknown
    assert user_records(sealed(message)) == [("a", b"1")]


@pytest.mark.parametrize("unknown", [field(4, field(1, b"tag")), field(2, 9), fixed32(1), fixed64(3)], ids=bytes.hex)
def test_tags_hash_keys_and_unknown_fields_of_a_record_are_skipped(unknown: bytes) -> None:
    whole = unknown + field(1, 0) + unknown + field(3, b"1") + unknown
    assert user_records(sealed(key("a") + field(3, whole))) == [("a", b"1")]


def test_a_varint_may_be_longer_than_it_need_be() -> None:
    longest_zero = b"\x80" * 9 + b"\x00"
    message = key("a") + field(3, b"\x08" + longest_zero + field(3, b"1"))
    assert user_records(sealed(message)) == as_protobuf_reads(message) == [("a", b"1")]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(b"\x80", id="a tag that is cut off"),
        pytest.param(b"\x20", id="a varint that is missing"),
        pytest.param(b"\x20\xff", id="a varint that is cut off"),
        pytest.param(b"\x20" + b"\xff" * 9 + b"\x02", id="a varint of 65 bits"),
        pytest.param(b"\x20" + b"\x80" * 10 + b"\x00", id="a varint of 11 bytes"),
        pytest.param(b"\x22", id="a length that is missing"),
        pytest.param(b"\x22\x01", id="a length beyond the end"),
        pytest.param(b"\x22" + varint(2**64 - 1), id="the greatest length"),
        pytest.param(fixed32(4)[:-1], id="4 bytes that are cut off"),
        pytest.param(fixed64(4)[:-1], id="8 bytes that are cut off"),
        pytest.param(b"\x23\x24", id="a group"),
        pytest.param(b"\x26\x00", id="wire type 6"),
        pytest.param(b"\x27\x00", id="wire type 7"),
        pytest.param(b"\x00\x00", id="field 0"),
        pytest.param(field(2**29, 0), id="field 2**29"),
    ],
)
def test_a_message_that_can_not_be_read_to_its_end_is_plain(broken: bytes) -> None:
    assert user_records(sealed(key("a") + record(0, b"1") + broken)) is None
    assert user_records(sealed(key("a") + field(3, field(1, 0) + field(3, b"1") + broken) + record(0, b"2"))) is None


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(record(1, b"1"), id="an index beyond the table"),
        pytest.param(record(2**64 - 1, b"1"), id="an index beyond any table"),
        pytest.param(field(3, field(3, b"1")), id="a record without an index"),
        pytest.param(field(3, field(1, 0)), id="a record without data"),
        pytest.param(field(3, b""), id="a record of nothing"),
        pytest.param(field(3, field(1, b"\x00") + field(3, b"1")), id="an index that is no number"),
        pytest.param(field(3, field(1, 0) + field(3, 1)), id="data that are a number"),
        pytest.param(field(1, b"\xff"), id="a key that is not UTF-8"),
        pytest.param(field(1, b"\xed\xa0\x80"), id="a key with half a surrogate pair"),
    ],
)
def test_an_aggregate_with_one_odd_record_or_key_is_plain_as_a_whole(odd: bytes) -> None:
    assert user_records(sealed(key("a") + record(0, b"1") + odd)) is None


@pytest.mark.parametrize("message", [b"", key("a"), field(2, b"0"), field(4, 1)], ids=bytes.hex)
def test_an_aggregate_of_no_records_is_plain_so_that_it_does_not_vanish(message: bytes) -> None:
    assert user_records(sealed(message)) is None


def test_an_aggregate_within_an_aggregate_stays_whole() -> None:
    inner = aggregated(("a", b"1", None), ("b", b"2", None))
    assert user_records(aggregated(("c", inner, None), ("d", b"3", None))) == [("c", inner), ("d", b"3")]
