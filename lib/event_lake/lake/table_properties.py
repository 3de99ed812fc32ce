"""Choose the properties of a new Delta table, so that it's the same whatever defaults a cluster has. Pure.

These properties decide which features a reader must know, which writes are allowed, and how files are named.
Properties about keeping and merging files (retention, intervals of checkpoints, compaction) are left to the user.
Source: Delta's DeltaConfig.scala and TableFeature.scala, 4.0.0 to 4.4.0.
"""

from collections.abc import Callable, Mapping

# All but the last are Delta's own defaults. The last one has Delta remember for ever which batch a query has written:
# where it forgets, a query that was stopped for longer would write a batch twice.
PROPERTIES = {
    "delta.minReaderVersion": "1",
    "delta.minWriterVersion": "2",
    # Ignore a cluster's defaults for protocol versions and features. Delta doesn't store this one with the table.
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
# These are Delta's own defaults, too, but came with Delta 4.1, 4.3 and 4.4. An older one refuses those it doesn't know.
NEWER_PROPERTIES = {
    "delta.enableIcebergCompatV3": "false",
    "delta.enableVariantShredding": "false",
    "delta.enableMaterializePartitionColumnsFeature": "false",
    "delta.writePartitionColumnsToParquet": "false",
    "delta.parquet.format.version": "1.0.0",
}
_DEFAULTS = "spark.databricks.delta.properties.defaults."


def explicit_properties(is_set: Callable[[str], bool]) -> Mapping[str, str]:
    """Return the properties to make a table with. `is_set` is True for the name of a setting that the session has.

    Include a newer property only if the session has a default for it: only that needs to be overruled, and it shows
    that the session's Delta knows the property.
    """
    newer = {key: value for key, value in NEWER_PROPERTIES.items() if is_set(_DEFAULTS + key.removeprefix("delta."))}
    return PROPERTIES | newer
