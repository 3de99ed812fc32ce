"""README.md, CONTRIBUTING.md and docs: their links lead somewhere, and the code that they show is as the code is."""

from pathlib import Path

import pytest

from event_lake.errors import ConfigError
from support.documented_code import WrongError, read_toml_block, refuse_commands, refuse_private_names
from support.documents import Block, anchors_of, blocks_of, commands_in, dead_links, find_documents, local_blocks_of

DOCUMENTS = find_documents()
OTHER_NAMES = {"bash": "sh", "shell": "sh", "py": "python", "shell-session": "console", "terminal": "console"}


def blocks(*languages: str) -> list[Block]:
    return [block for document in DOCUMENTS for block in blocks_of(document, *languages)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    assert dead_links(document) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_a_blocks_language_is_called_so_that_it_is_checked(document: Path) -> None:
    assert {block.language for block in blocks_of(document)}.isdisjoint(OTHER_NAMES), OTHER_NAMES


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_a_file_is_one_that_we_read(block: Block, tmp_path: Path) -> None:
    read_toml_block(block.text, tmp_path)


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_needs_only_what_is_public(block: Block) -> None:
    refuse_private_names(block.text)


@pytest.mark.parametrize("block", blocks("sh", "console"), ids=str)
def test_commands_have_their_flags_and_targets(block: Block) -> None:
    refuse_commands(block)


def written(folder: Path, text: str, name: str = "document.md") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_dead_links_are_found_with_their_lines(tmp_path: Path) -> None:
    written(tmp_path, "# A heading\n", "other.md")
    text = """
[one](other.md#a-heading), [two](other.md#another) and <https://example.com>

| ![three](image.png) | [four](#here) |
|---|---|
| [five](gone.md) | [six](https://example.com/gone.md) |

# Here
"""
    document = written(tmp_path, text)
    assert dead_links(document) == [
        f"{document}:2: other.md#another",
        f"{document}:4: image.png",
        f"{document}:6: gone.md",
    ]


def test_anchors_are_as_github_makes_them(tmp_path: Path) -> None:
    text = "# `source.start_from`, *and* [a link](x)\n## Twice\n## Twice\n## What's new?\n```\n# none\n```\n"
    assert anchors_of(written(tmp_path, text)) == {"sourcestart_from-and-a-link", "twice", "twice-1", "whats-new"}


@pytest.mark.parametrize(
    "text",
    [
        '[raw]\ndedup_window = "2 hours"\n',
        '[source]\nstream = "s"\n[lake]\nroot = "l"\n',
        '[[rules]]\nmeasure = "freshness"\nmax = 7200\n',
        '[columns.score]\ntype = "int"\n',
        'event_type = "lesson"\n[columns.score]\ntype = "int"\n',
        Path("infra/emr/emr.toml").read_text("utf-8"),
    ],
)
def test_parts_of_files_are_read(text: str, tmp_path: Path) -> None:
    read_toml_block(text, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        '[raw]\ndedup_windw = "2 hours"\n',
        'dedup_window = "2 hours"\n',
        '[[rules]]\nmeasure = "freshnes"\nmax = 7200\n',
        '[columns.score]\ntype = "number"\n',
        "[raw\n",
        'application_id = "00f1"\nregion = "eu-central-1"\n',
    ],
)
def test_files_that_we_would_not_read_are_found(text: str, tmp_path: Path) -> None:
    with pytest.raises((ConfigError, ValueError)):
        read_toml_block(text, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "import event_lake as el\nel.ingest_raw(spark, settings, until_caught_up=True)\n",
        "from event_lake import Dates, open_lake\nopen_lake(spark, settings).raw_events.where(open_lake.x)\n",
        "import event_lake as el\nel.register_source(spark)\n",
        "import json\njson.gone()\n",
    ],
)
def test_public_names_may_be_shown(text: str) -> None:
    refuse_private_names(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import event_lake\nevent_lake.ingest(1)\n", "event_lake.ingest isn't public"),
        ("from event_lake import layout\n", "event_lake.layout isn't public"),
        ("from event_lake.lake import layout\n", "event_lake.lake.layout isn't public"),
        ("import event_lake.lake.layout\n", "only event_lake itself is public"),
        ("import event_lake as el\nel.ingest_raw(spark, settings, until_caugt_up=True)\n", "until_caugt_up"),
        ("from event_lake import reconcile\nreconcile(spark)\n", "missing a required argument: 'settings'"),
    ],
)
def test_names_that_are_not_public_are_found(text: str, message: str) -> None:
    with pytest.raises(WrongError, match=message):
        refuse_private_names(text)


def a_block(info: str, text: str) -> Block:
    return Block(Path("document.md"), 1, tuple(info.split()), text)


def test_commands_are_told_from_what_they_print_and_from_each_other() -> None:
    text = (
        "$ make demo  # a minute\nmake nothing\n$ A=b event-lake reconcile \\\n    --json 2> log | jq . && make test\n"
    )
    assert list(commands_in(a_block("console", text))) == [
        ["make", "demo"],
        ["A=b", "event-lake", "reconcile", "--json"],
        ["jq", "."],
        ["make", "test"],
    ]
    assert list(commands_in(a_block("sh", "# none\nspark-submit 'a b' > c\n"))) == [[], ["spark-submit", "a b"]]


def test_a_console_shows_what_its_last_command_prints_and_how_that_ends() -> None:
    block = a_block("console exit=3", "$ make demo\nlines\n$ event-lake reconcile \\\n  --json\n{\n}\n")
    assert (block.output, block.exit_code) == ("{\n}", 3)
    assert (a_block("console", "$ make demo\n").output, a_block("console", "").exit_code) == ("", 0)


def test_blocks_that_need_an_account_or_have_no_job_are_not_run(tmp_path: Path) -> None:
    infos = ("python", "sh", "sh account", "python account", "console", "toml")
    text = "\n".join(f"```{info}\n{'$ ' if info == 'console' else ''}event-lake reconcile\n```" for info in infos)
    document = written(tmp_path, f"{text}\n```sh\nmake demo\n```\n")
    assert [block.language for block in local_blocks_of(document)] == ["python", "sh", "console"]


@pytest.mark.parametrize(
    "line",
    [
        "make bench-compare A=.bench/a.json B=.bench/b.json",
        "event-lake --version",
        "event-lake ingest-raw --help",
        ".venv/bin/event-lake ingest-raw --config conf/dev.toml --set raw.dedup_window='2 hours' --acknowledge 3",
        "spark-submit --py-files dist/event_lake.zip jobs/reconcile.py --config mine.toml --from 2026-11-20",
        "python -m event_lake check-quality --config conf/prod.toml --hours 3",
        "RUN=$(python -m infra.emr submit --run-id x reconcile --config conf/prod.toml --json)",
        "pip install event-lake",
    ],
)
def test_commands_that_there_are_may_be_shown(line: str) -> None:
    refuse_commands(a_block("sh", line))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("make dmo", "the Makefile has no dmo"),
        ("make bench ARG=3", "the Makefile has no ARG"),
        ("event-lake ingest", "invalid choice: 'ingest'"),
        ("event-lake ingest-raw --config conf/prod.toml --caught-up", "unrecognized arguments: --caught-up"),
        ("FOO=1 .venv/bin/python jobs/reconcile.py", "the following arguments are required: --config"),
        ("spark-submit jobs/reconcil.py --config conf/prod.toml", "invalid choice: 'reconcil'"),
        ("python -m infra.emr submit ingest --config conf/prod.toml", "invalid choice: 'ingest'"),
        ("python -m infra.emr submit reconcile --config conf/prod.toml --jsn", "unrecognized arguments: --jsn"),
        ("event-lake ingest-raw --config conf/production.toml", "conf/production.toml isn't there"),
        ("event-lake ingest-raw --config a.toml --set raw.dedup_windw=1", "unknown key raw.dedup_windw"),
    ],
)
def test_commands_that_there_are_not_are_found(line: str, message: str) -> None:
    with pytest.raises((WrongError, ConfigError), match=message):
        refuse_commands(a_block("sh", line))
