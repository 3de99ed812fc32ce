"""What a table is made with, whatever a cluster has as its defaults. Pure.

It decides which features a reader must know, which writes are allowed, and how files are named. What only keeps or
prunes files (retention, intervals of checkpoints, compaction) is left to the user.
Source: Delta's DeltaConfig.scala and TableFeature.scala, 4.0.0 to 4.4.0.
"""

from collections.abc import Callable, Mapping

# Delta's own defaults, but for the last one: a query that was stopped for longer than a cluster remembers transactions
# would write a batch twice.
PROPERTIES = {
    "delta.minReaderVersion": "1",
    "delta.minWriterVersion": "2",
    # Those of the cluster: versions of the protocol, and features. Isn't kept with the table.
    "delta.ignoreProtocolDefaults": "true",
    "delta.columnMapping.mode": "none",
    "delta.enableDeletionVectors": "false",
    "delta.enableRowTracking": "false",
    "delta.enableTypeWidening": "false",
    "delta.enableChangeDataFeed": "false",
    "delta.enableInCommitTimestamps": "false",
    "delta.enableIcebergCompatV1": "false",
    "delta.enableIcebergCompatV2": "false",
    "delta.universalFormat.enabledFormats": "",
    "delta.compatibility.symlinkFormatManifest.enabled": "false",
    "delta.checkpointPolicy": "classic",
    "delta.randomizeFilePrefixes": "false",
    "delta.appendOnly": "false",
    "delta.setTransactionRetentionDuration": "interval 36500 days",
}
# Delta's own defaults, too. An older Delta refuses a property that it doesn't know (some came with 4.1, 4.3 and 4.4).
NEWER_PROPERTIES = {
    "delta.enableIcebergCompatV3": "false",
    "delta.enableVariantShredding": "false",
    "delta.enableMaterializePartitionColumnsFeature": "false",
    "delta.writePartitionColumnsToParquet": "false",
    "delta.parquet.format.version": "1.0.0",
}
_DEFAULTS = "spark.databricks.delta.properties.defaults."


def explicit_properties(is_set: Callable[[str], bool]) -> Mapping[str, str]:
    """The properties to make a table with; `is_set` tells whether a session has a setting.

    Of the newer ones only those that the session has a default for, which they overrule.
    """
    newer = {key: value for key, value in NEWER_PROPERTIES.items() if is_set(_DEFAULTS + key.removeprefix("delta."))}
    return PROPERTIES | newer
