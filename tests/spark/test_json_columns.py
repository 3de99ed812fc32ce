"""JSON texts as variants, and fingerprints that tell apart what differs and nothing else."""

import json

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from event_lake.lake.json_columns import fingerprint, parse_variant

SAME = [
    ('{"a":1,"b":"x"}', '{ "b" : "x",\n"a" : 1 }'),
    ('{"a":1.0}', '{"a":1.00}'),
    ('{"a":1e3,"b":2}', '{"b":2,"a":1e3}'),
    (r'{"a":"\u00e9"}', '{"a":"é"}'),
    (r'{"t":"\ud83d\ude00"}', '{"t":"😀"}'),
    (r'{"a":1,"t":"cut \ud83d"}', r'{"t":"cut \ud83d","a":1}'),
    (r'{"a":1,"t":"\ude00\ud83d\ud83d\ude00"}', r'{"t":"\ude00\ud83d\ud83d\ude00","a":1}'),
    (f'{{"a":{"7" * 38},"b":2}}', f'{{"b":2,"a":{"7" * 38}}}'),
]
OTHERS = [
    ('{"a":1}', '{"a":"1"}'),
    ('{"a":2}', '{"a":1,"a":2}'),
    ('{"a":1.00000000000000001e5}', '{"a":1.00000000000000002e5}'),
    ('{"a":[1,1e400]}', '{"a":[1,1e500]}'),
    ('{"a":1e-400}', '{"a":2e-400}'),
    (f'{{"a":{"1" * 41}}}', f'{{"a":{"1" * 40}2}}'),
    (f'{{"a":0.{"1" * 41}}}', f'{{"a":0.{"1" * 40}2}}'),
    (r'{"t":"\ud83d"}', r'{"t":"\ud83e"}'),
    (r'{"t":"\ude00"}', r'{"t":"\ude01"}'),
    (r'{"t":"\ud83d"}', r'{"t":"\ufffd"}'),
    (r'{"t":"\ud83d"}', r'{"t":"\ufdd0d83d"}'),
    (r'{"t":"\ud83d"}', '{"t":"\ufdd0d83d"}'),
    (r'{"t":"\ud83d"}', r'{"t":"\\ud83d"}'),
]


def fingerprints(spark: SparkSession, texts: list[str]) -> list[str]:
    rows = spark.createDataFrame([(at, text) for at, text in enumerate(texts)], "at int, text string")
    return [row[0] for row in rows.orderBy("at").select(fingerprint(F.col("text"))).collect()]


@pytest.mark.parametrize(("pairs", "is_same"), [(SAME, True), (OTHERS, False)], ids=["the same", "others"])
def test_texts_share_a_fingerprint_where_they_say_the_same(
    spark: SparkSession, pairs: list[tuple[str, str]], *, is_same: bool
) -> None:
    found = fingerprints(spark, [text for pair in pairs for text in pair])
    hashes = list(zip(found[::2], found[1::2], strict=True))
    assert [pair for pair, (one, other) in zip(pairs, hashes, strict=True) if (one == other) != is_same] == []


def test_no_text_is_too_long_for_a_fingerprint(spark: SparkSession) -> None:
    digits, escapes, half = "1" * 1_000_000, r"\\n" * 500_000, r"\ud83d" * 300_000
    texts = [f'{{"a":{digits}}}', f'{{"a":0.{digits}e5}}', f'{{"a":"{escapes}"}}', f'{{"a":"{half}"}}', "[" * 1_000_000]
    assert len(set(fingerprints(spark, texts))) == len(texts)


def test_half_a_surrogate_pair_keeps_nothing_else_from_being_read(spark: SparkSession) -> None:
    texts = {
        r'{"n":1,"t":"cut \ud83d"}': {"n": 1, "t": "cut \ufffd"},
        r'{"n":1,"t":"\ude00 cut"}': {"n": 1, "t": "\ufffd cut"},
        r'{"n":1,"t":"\\\ud83d\\ud83d"}': {"n": 1, "t": "\\\ufffd\\ud83d"},
        r'{"n":1,"t":"\ud83d\ude00"}': {"n": 1, "t": "😀"},
    }
    rows = spark.createDataFrame([(text,) for text in texts], "text string").coalesce(1)
    read = rows.select("text", F.to_json(parse_variant(F.col("text")))).collect()
    assert {text: json.loads(found) for text, found in read} == texts
