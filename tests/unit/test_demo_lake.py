"""The settings of the demo's lake are such as the jobs take."""

import pytest

from event_lake.config.files import load_settings
from tools.demo_lake import Lake


@pytest.mark.parametrize(
    ("lake", "root"), [(Lake(), ".demo/lake"), (Lake(s3="http://127.0.0.1:5000"), "s3a://demo/lake")]
)
def test_the_jobs_take_the_settings_of_a_lake_on_the_disk_and_in_s3(lake: Lake, root: str) -> None:
    settings = load_settings("conf/local.toml", [f"{key}={value}" for key, value in lake.settings().items()])
    assert settings.lake.root == root == lake.root
    assert settings.spark.get("spark.hadoop.fs.s3a.endpoint") == lake.s3
