"""How long the calls to S3 and CloudWatch may take."""

from botocore.config import Config

# Three attempts end within 25 s, so two calls fit into a lease of a minute. What is sent or fetched is small.
CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=2, read_timeout=5, max_pool_connections=2
)
