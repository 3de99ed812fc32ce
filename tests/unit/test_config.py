import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from event_lake.config.files import load_settings
from event_lake.config.settings import Lake, Raw, Settings, Source, Staging
from event_lake.errors import ConfigError

CONF = Path(__file__).parents[2] / "conf"
LEAST = '[source]\nstream = "events"\n[lake]\nroot = "lake"\n'
NO_FOLDER = (
    ': no folder; write it like "lake" or "s3://bucket/lake", without "file:", "`", blanks around it, and "/" at its'
    " end"
)
NO_START = (
    ': no starting point; write "earliest", "latest", a time like "2026-11-21T09:00:00Z" or the name of a .json'
    ' file like {"shardId-000000000000": "<sequence number>"}'
)


class ConfigFile:
    """A file that holds `toml`, and what comes of it."""

    def __init__(self, folder: Path, toml: str) -> None:
        self.path = folder / "test.toml"
        self.path.write_text(toml, "utf-8")

    def settings(self, *overrides: str) -> Settings:
        return load_settings(str(self.path), overrides)

    def refusal(self, *overrides: str) -> str:
        with pytest.raises(ConfigError) as refused:
            self.settings(*overrides)
        return str(refused.value).replace(str(self.path), "FILE")


@pytest.fixture
def least(tmp_path: Path) -> ConfigFile:
    """The keys that have no default."""
    return ConfigFile(tmp_path, LEAST)


def leaves(cls: type, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key with its default, MISSING where it has none; `spark` is one key."""
    hints = get_type_hints(cls)
    for f in fields(cls):  # type: ignore[arg-type]
        if is_dataclass(hints[f.name]):
            yield from leaves(hints[f.name], f"{prefix}{f.name}.")  # type: ignore[arg-type]
        elif f.default_factory is not MISSING:
            yield prefix + f.name, f.default_factory()
        else:
            yield prefix + f.name, f.default


def test_the_required_keys_alone_give_all_defaults(least: ConfigFile) -> None:
    assert least.settings() == Settings(source=Source(stream="events"), lake=Lake(root="lake"))


def test_every_key_of_a_file_arrives_typed(tmp_path: Path) -> None:
    file = ConfigFile(
        tmp_path,
        """
        [source]
        stream = "s"
        connector = "event_lake"
        region = "eu-west-1"
        endpoint_url = "http://localhost:5000"
        start_from = "latest"
        fail_on_data_loss = false
        max_batch_seconds = 5
        max_batch_records = 7
        [lake]
        root = "s3://b/lake"
        [raw]
        trigger_interval = "5 seconds"
        dedup_window = "2 hours"
        max_future = "1 minute"
        max_age = "1 day"
        [staging]
        max_batch_bytes = 1
        [spark]
        "spark.master" = "local[2]"
        """,
    )
    assert file.settings() == Settings(
        source=Source(
            stream="s",
            connector="event_lake",
            region="eu-west-1",
            endpoint_url="http://localhost:5000",
            start_from="latest",
            fail_on_data_loss=False,
            max_batch_seconds=5,
            max_batch_records=7,
        ),
        lake=Lake(root="s3://b/lake"),
        raw=Raw(
            trigger_interval=timedelta(seconds=5),
            dedup_window=timedelta(hours=2),
            max_future=timedelta(minutes=1),
            max_age=timedelta(days=1),
        ),
        staging=Staging(max_batch_bytes=1),
        spark={"spark.master": "local[2]"},
    )


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("source.strem=x", "unknown key source.strem; did you mean source.stream?"),
        ("sorce.stream=x", "unknown key sorce; did you mean source?"),
        ("lake.zzz=x", "unknown key lake.zzz; known are lake.root, lake.lease, lake.catalog"),
        ("zzz.stream=x", "unknown key zzz; known are source, lake, raw, staging, quality, progress, spark"),
        (
            "raw.dedup_window=ten minutes",
            "raw.dedup_window = 'ten minutes': not a duration; write it like \"10 minutes\"",
        ),
        ("raw.max_age=30", 'raw.max_age = 30: not a duration; write it like "10 minutes"'),
        ("source.stream=7", 'source.stream = 7: not a string; write it like "text"'),
        ("source.region=true", 'source.region = True: not a string; write it like "text"'),
        (
            "source.max_batch_seconds=many",
            "source.max_batch_seconds = 'many': not a whole number; write it like 600",
        ),
        (
            "source.max_batch_seconds=true",
            "source.max_batch_seconds = True: not a whole number; write it like 600",
        ),
        (
            "source.max_batch_seconds=1.5",
            "source.max_batch_seconds = 1.5: not a whole number; write it like 600",
        ),
        ("source.max_batch_seconds=0", "source.max_batch_seconds = 0: must be 1 second to a year of them"),
        (
            "source.max_batch_seconds=31536001",
            "source.max_batch_seconds = 31536001: must be 1 second to a year of them",
        ),
        ("source.max_batch_records=0", "source.max_batch_records = 0: must be 1 to 1,000,000,000 records"),
        (
            "source.max_batch_records=1000000001",
            "source.max_batch_records = 1000000001: must be 1 to 1,000,000,000 records",
        ),
        (
            "source.max_batch_records=many",
            "source.max_batch_records = 'many': not a whole number; write it like 600",
        ),
        (
            "source.connector=kinesis",
            (
                "source.connector = 'kinesis': there's only \"event_lake\" now, which runs on every platform;"
                " leave the key out"
            ),
        ),
        (
            "source.fail_on_data_loss=no",
            "source.fail_on_data_loss = 'no': not true or false; write it without quotes",
        ),
        (
            "source.fail_on_data_loss='true'",
            "source.fail_on_data_loss = 'true': not true or false; write it without quotes",
        ),
        ("source.fail_on_data_loss=1", "source.fail_on_data_loss = 1: not true or false; write it without quotes"),
        ("staging.max_batch_bytes=0", "staging.max_batch_bytes = 0: must be 1 or more bytes"),
        (
            "source.stream=arn:aws:kinesis",
            (
                "source.stream = 'arn:aws:kinesis': not a stream's name; it has 1 to 128 of letters, digits,"
                " '_', '.' and '-'"
            ),
        ),
        (
            "source.start_from=yesterday",
            f"source.start_from = 'yesterday'{NO_START}",
        ),
        (
            "source.start_from=2026-11-21T09:00:00",
            f"source.start_from = '2026-11-21T09:00:00'{NO_START}",
        ),
        ("lake.root=", f"lake.root = ''{NO_FOLDER}"),
        ("lake.root=lake/", f"lake.root = 'lake/'{NO_FOLDER}"),
        ("lake.root=a`b", f"lake.root = 'a`b'{NO_FOLDER}"),
        ('spark."spark.x"=4', 'spark."spark.x" = 4: not a string; write it like "text"'),
        ("spark.master=local", 'spark."master": not a Spark setting; its name starts with "spark."'),
        ("stream=x", "--set stream=x: write it like --set raw.dedup_window='2 hours'"),
        ("source.stream", "--set source.stream: write it like --set raw.dedup_window='2 hours'"),
        ("=x", "--set =x: write it like --set raw.dedup_window='2 hours'"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_with_its_remedy(
    least: ConfigFile, override: str, message: str
) -> None:
    assert least.refusal(override) == message


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("", "source.stream is missing; set source.stream = …"),
        ('[source]\nstream = "s"', "lake.root is missing; set lake.root = …"),
        ("lake = 3", "lake = 3: not a section; write [lake] and its keys below"),
        (
            LEAST + "[raw.max_age]\ndays = 3",
            "raw.max_age = {'days': 3}: not a duration; write it like \"10 minutes\"",
        ),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(tmp_path: Path, toml: str, message: str) -> None:
    assert ConfigFile(tmp_path, toml).refusal() == message


def test_spark_settings_must_be_a_section(tmp_path: Path) -> None:
    assert ConfigFile(tmp_path, 'spark = "x"\n' + LEAST).refusal() == (
        "spark = 'x': not a section; write [spark] and its keys below"
    )


def test_a_set_into_what_is_no_section_is_refused(tmp_path: Path) -> None:
    assert ConfigFile(tmp_path, "raw = 1\n" + LEAST).refusal("raw.max_age=1 day") == (
        "--set raw.max_age=1 day: [raw] is no section of the configuration"
    )


def test_a_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load_settings(str(tmp_path / "none.toml"))
    assert str(refused.value) == (
        f"--config {tmp_path}/none.toml: no such file; conf/reference.toml shows what it may hold"
    )


@pytest.mark.parametrize("content", [b"[source", b"\xff\xfe", b"[a]\n[a]\n"])
def test_a_file_that_is_no_toml_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"^--config .*broken\.toml: can't be read as TOML: [^\n]+$"):
        load_settings(str(path))


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "windows.toml"
    path.write_bytes(b"\xef\xbb\xbf" + LEAST.replace("\n", "\r\n").encode())
    assert load_settings(str(path)).source.stream == "events"


@pytest.mark.parametrize("folder", ["C:\\data", "C:\\users", "C:\\temp", "C:\\new"])
def test_a_backslash_in_double_quotes_is_told_how_to_write_it(tmp_path: Path, folder: str) -> None:
    refused = ConfigFile(tmp_path, LEAST.replace('root = "lake"', f'root = "{folder}"')).refusal()
    assert "\n" not in refused
    assert refused.endswith("; write \\\\ for a backslash, or put the value into single quotes")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"can't be read as TOML: .*Is a directory"):
        load_settings(str(tmp_path))


def test_set_takes_precedence_over_the_file_and_the_last_over_the_first(least: ConfigFile) -> None:
    settings = least.settings("source.stream=one", "source.stream=two", "lake.root=other")
    assert (settings.source.stream, settings.lake.root) == ("two", "other")


@pytest.mark.parametrize(
    "text", ["raw.dedup_window=2 hours", "raw.dedup_window='2 hours'", ' raw.dedup_window = "2 hours"']
)
def test_a_bare_word_of_set_is_a_string(least: ConfigFile, text: str) -> None:
    assert least.settings(text).raw.dedup_window == timedelta(hours=2)


def test_a_set_may_hold_equals_signs_and_dots(least: ConfigFile) -> None:
    assert least.settings("spark.spark.driver.extraJavaOptions=-Da=b").spark == {
        "spark.driver.extraJavaOptions": "-Da=b"
    }


def test_a_spark_setting_may_be_quoted_as_in_the_file(least: ConfigFile) -> None:
    assert least.settings('spark."spark.master"="local[2]"').spark == {"spark.master": "local[2]"}


def test_a_duration_beyond_all_calendars_is_refused(least: ConfigFile) -> None:
    assert least.refusal("raw.max_age=99999999999 days") == (
        "raw.max_age = '99999999999 days': not a duration; write it like \"10 minutes\""
    )


@pytest.mark.parametrize(
    ("value", "start_from"),
    [
        ('"latest"', "latest"),
        ('"2026-11-21T09:00:00Z"', "2026-11-21T09:00:00Z"),
        ("2026-11-21T09:00:00Z", "2026-11-21T09:00:00+00:00"),
        ("2026-11-21T09:00:00+01:00", "2026-11-21T09:00:00+01:00"),
    ],
)
def test_a_time_to_start_from_is_text_or_a_time_of_toml(least: ConfigFile, value: str, start_from: str) -> None:
    assert least.settings(f"source.start_from={value}").source.start_from == start_from


def test_positions_to_start_from_are_read_from_their_file(least: ConfigFile, tmp_path: Path) -> None:
    path = tmp_path / "positions.json"
    path.write_text(
        '{\n  "shardId-000000000000": "495",\n  "shardId-000000000001": "AT 2026-11-21T09:00:00+00:00"\n}\n'
    )
    start_from = least.settings(f"source.start_from={path}").source.start_from
    assert json.loads(start_from) == {
        "shardId-000000000000": "495",
        "shardId-000000000001": "AT 2026-11-21T09:00:00+00:00",
    }
    assert "\n" not in start_from


@pytest.mark.parametrize(
    "content", ["", "{}", "{", "[]", '["a"]', '{"a": 5}', '{"a": {"b": "5"}}', '{"a": null}', "yes"]
)
def test_a_file_that_holds_no_positions_is_refused(least: ConfigFile, tmp_path: Path, content: str) -> None:
    path = tmp_path / "positions.json"
    path.write_text(content)
    assert least.refusal(f"source.start_from={path}") == f"source.start_from = {content!r}{NO_START}"


def test_a_file_of_positions_that_cannot_be_read_is_refused(least: ConfigFile, tmp_path: Path) -> None:
    missing, binary = tmp_path / "none.json", tmp_path / "binary.json"
    binary.write_bytes(b"\xff")
    for path, problem in ((missing, "No such file"), (binary, "utf-8")):
        refusal = least.refusal(f"source.start_from={path}")
        assert refusal.startswith(f"source.start_from = '{path}': a file of positions that can't be read: ")
        assert problem in refusal


@pytest.mark.parametrize(
    "url",
    [
        "https://kinesis.eu-west-1.amazonaws.com",
        "http://localhost:5000",
        "http://127.0.0.1",
        "http://[::1]:1",
    ],
)
def test_an_endpoint_is_encrypted_or_on_this_machine(url: str) -> None:
    assert Source(stream="s", endpoint_url=url).endpoint_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://kinesis.example.com",
        "http://localhost.example.com",
        "ftp://localhost",
        "localhost:5000",
        "https://",
        "",
    ],
)
def test_any_other_endpoint_is_refused(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Source(stream="s", endpoint_url=url)
    assert str(refused.value) == (
        f"source.endpoint_url = {url!r}: events would travel unencrypted; use https, or http to an"
        " emulator on localhost"
    )


@pytest.mark.parametrize("url", ["https://me:hush@example.com", "http://me@localhost", "http://me:hush@example.com"])
def test_an_endpoint_with_credentials_is_refused_without_printing_them(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Source(stream="s", endpoint_url=url)
    assert "hush" not in str(refused.value)
    assert str(refused.value) == "source.endpoint_url holds a user or password: use the SDK's own credentials chain"


@pytest.mark.parametrize(
    "key",
    [
        "spark.hadoop.fs.s3a.access.key",
        "spark.hadoop.fs.s3a.secret.key",
        "spark.hadoop.fs.s3a.session.token",
        "spark.ssl.keyPassword",
        "spark.hadoop.x.accessKey",
    ],
)
def test_a_credential_is_refused_without_printing_it(least: ConfigFile, key: str) -> None:
    assert least.refusal(f'spark."{key}"="hush"') == (
        f'spark."{key}" looks like a credential: use the SDK\'s own credentials chain'
    )


def test_settings_cannot_be_changed(least: ConfigFile) -> None:
    with pytest.raises(AttributeError):
        least.settings().source.stream = "other"  # type: ignore[misc]


@pytest.mark.parametrize("name", ["local", "dev", "prod", "reference"])
def test_the_files_in_conf_load(name: str) -> None:
    assert load_settings(str(CONF / f"{name}.toml")).source.stream.startswith("events")


def test_the_reference_states_exactly_the_defaults() -> None:
    assert load_settings(str(CONF / "reference.toml")) == Settings(
        source=Source(stream="events"), lake=Lake(root="lake")
    )


def test_the_reference_states_every_key_that_has_a_value() -> None:
    tables = tomllib.loads((CONF / "reference.toml").read_text("utf-8"))
    tables["raw.fields"] = tables["raw"].pop("fields")
    stated = {f"{section}.{key}" for section, table in tables.items() for key in table}
    assert stated == {key for key, default in leaves(Settings) if default is not None and key != "spark"}


def test_the_reference_names_every_optional_key_in_a_comment_of_its_section() -> None:
    text = (CONF / "reference.toml").read_text("utf-8")
    commented: set[str] = set()
    section = ""
    for line in text.splitlines():
        if header := re.fullmatch(r"\[(\w+)\]", line):
            section = header[1]
        elif key := re.match(r"# (\w+) = ", line):
            commented.add(f"{section}.{key[1]}")
    assert commented == {key for key, default in leaves(Settings) if default is None}


def test_the_reference_explains_every_key_in_the_lines_before_it() -> None:
    paragraphs = (CONF / "reference.toml").read_text("utf-8").split("\n\n")
    stating = [text for text in paragraphs if re.search(r"^(# )?\w+ = ", text, re.MULTILINE)]
    assert [text for text in stating if not re.match(r"(\[[\w.]+\]\n)?# [A-Z]", text)] == []


def test_the_fields_of_an_event_may_have_other_names_in_a_payload(least: ConfigFile) -> None:
    settings = least.settings("raw.fields.event_uuid=detail.id", 'raw.fields.event_name=["detail", "a.b"]')
    assert settings.raw.fields.paths == (("detail", "id"), ("detail", "a.b"), ("created_at",))


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("raw.fields.event_uuid=", "raw.fields.event_uuid = ''"),
        ("raw.fields.event_uuid=detail.", "raw.fields.event_uuid = 'detail.'"),
        ("raw.fields.event_uuid=[]", "raw.fields.event_uuid = []"),
        ("raw.fields.event_uuid=created_at", "raw.fields = 'created_at'"),
        ("raw.fields.event_uuid=created_at.id", "raw.fields = 'created_at.id'"),
        ("raw.fields.event_uuid=5", "raw.fields.event_uuid = 5: not a string or a list of strings"),
        ("raw.fields.id=id", "unknown key raw.fields.id; "),
        ("raw.max_depth.x=5", "--set raw.max_depth.x=5: [max_depth] is no section"),
        ("raw.max_events_per_record=0", "raw.max_events_per_record = 0: must be 1 to 10,000,000"),
        ("raw.finest_created_at=seconds", "raw.finest_created_at = 'seconds': not known; write one of milliseconds, "),
        ("raw.created_at_strings=iso", "raw.created_at_strings = 'iso': not known; write one of numbers, iso8601"),
    ],
)
def test_an_unusable_way_to_read_records_is_refused(tmp_path: Path, override: str, key: str) -> None:
    file = ConfigFile(tmp_path, LEAST + "[raw]\nmax_depth = 5\n")
    assert key in file.refusal(override)
