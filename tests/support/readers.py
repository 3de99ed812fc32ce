"""Read Delta tables by readers that aren't Spark: delta-rs and DuckDB."""

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

from support.duckdb_extensions import extension_file

KEY = "test"


def by_delta_rs(path: str, s3_endpoint: str | None = None) -> pa.Table:
    """Return a table that lies on the disk, or in the S3 at this endpoint."""
    options = {
        "AWS_ENDPOINT_URL": str(s3_endpoint),
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": KEY,
    }
    return DeltaTable(path, storage_options=options if s3_endpoint else None).to_pyarrow_table()


def by_duckdb(path: str, s3_endpoint: str | None = None) -> pa.Table:
    """Return a table that lies on the disk, or in the S3 at this endpoint."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for name in ("httpfs", "delta"):
            connection.load_extension(str(extension_file(name)))
        if s3_endpoint:
            connection.execute(
                f"create secret (type s3, key_id '{KEY}', secret '{KEY}', region 'us-east-1', url_style 'path',"
                f" use_ssl false, endpoint '{s3_endpoint.removeprefix('http://')}')"
            )
        # DuckDB's credentials are for s3:// alone.
        place = path.replace("s3a://", "s3://", 1)
        return connection.sql(f"select * from delta_scan('{place}')").to_arrow_table()
