"""What the tutorial and the how-tos show for a lake on one's own machine: its commands and Python do as they say."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.documents import Block, local_blocks_of
from support.duckdb_extensions import install_extensions
from support.emulators import make_stream, moto_endpoint

pytestmark = pytest.mark.documents
DOCUMENTS = [Path("docs/tutorial/a-first-lake.md"), *sorted(Path("docs/how-to").glob("*.md"))]
BLOCKS = [block for document in DOCUMENTS for block in local_blocks_of(document)]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int | None, str]]:
    """By block the exit code, and what was printed, on a lake in a folder that looks like this repository."""
    folder = tmp_path_factory.mktemp("documented")
    for name in ("conf", "docs", "tools"):
        (folder / name).symlink_to(Path(name).absolute())
    install_extensions(folder, "delta")
    path = os.pathsep.join(str(Path(name).absolute()) for name in ("lib", "tests"))
    with moto_endpoint() as url:
        make_stream(url, "events")
        done = subprocess.run(
            [sys.executable, "-m", "support.documented_runs", url, *map(str, DOCUMENTS)],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": path, "SPARK_CONF_DIR": "tools/spark", "HOME": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    came = (json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"block"'))
    return {row["block"]: (row["code"], row["said"]) for row in came}


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_does_what_the_document_says(block: Block, outcomes: dict[str, tuple[int | None, str]]) -> None:
    code, said = outcomes[str(block)]
    assert code == block.exit_code, said
    if block.language == "console" and block.output:
        assert form_of(said) == form_of(block.output)


def form_of(text: str) -> str:
    """The text with 0 for any number, as each lake has others, and one space for any number of them."""
    return re.sub(r"[ \n]+", " ", re.sub(r"[0-9][0-9,]*", "0", text)).strip()
