"""Packs aggregates as the Kinesis Producer Library does, with AWS' own code."""

import sys
from unittest.mock import patch

# AWS' aggregator puts its folder and its neighbours at the head of sys.path.
with patch.object(sys, "path", sys.path.copy()):
    from aws_kinesis_agg import aggregator, messages_pb2

Put = tuple[str, bytes, str | None]


def aggregated(*records: Put) -> bytes:
    """Return one aggregate of `records`, each of which is (partition key, data, explicit hash key)."""
    packing = aggregator.RecordAggregator()
    for put in records:
        assert packing.add_user_record(*put) is None, "they fit in one"
    _, _, data = packing.clear_and_get().get_contents()
    return bytes(data)


__all__ = ["Put", "aggregated", "messages_pb2"]
