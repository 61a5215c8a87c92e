"""Every command on the page about the tools prints what the page shows."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.plane import ROOT
from tests.support.running import PROGRAM, Sandbox, running_sandbox

PAGE = ROOT / "docs" / "tools.md"
PORT = "8088"
BASH = shutil.which("bash") or "/bin/bash"
ON_THE_SERVER = {
    "source_id": 1,
    "destination_id": 2,
    "model_id": 3,
    "schedule_type": "interval",
    "sync_interval": 90,
    "sync_interval_unit": "minutes",
    "stream_name": "orders",
    "sync_mode": "full_refresh",
    "configuration": [{"from": "order_id", "to": "external_id", "mapping_type": "standard"}],
}
SECOND = {
    "model_id": 5,
    "schedule_type": "manual",
    "stream_name": "Product Embeddings",
    "configuration": [
        {
            "from": "text",
            "to": "vector",
            "mapping_type": "vector",
            "embedding_config": {"mode": "open_ai", "model": "small", "api_key": "sk-not-to-be-seen"},
        }
    ],
}
"""What the page says the server has when it comes to export."""


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path, token="sandbox-token") as running:
        yield running


def sessions(page: str) -> Iterator[tuple[str, str, str]]:
    """Section, commands and output of each console block; several commands share one shell."""
    section = ""
    for part in re.split(r"^(## [^\n]*|```console\n.*?^```)$", page, flags=re.MULTILINE | re.DOTALL):
        if part.startswith("## "):
            section = part.removeprefix("## ")
        elif part.startswith("```console"):
            lines = part.splitlines()[1:-1]
            yield (
                section,
                "\n".join(line.removeprefix("$ ") for line in lines if line.startswith("$ ")),
                "\n".join(line for line in lines if not line.startswith("$ ")),
            )


def test_every_command_prints_what_the_page_shows(sandbox: Sandbox, tmp_path: Path) -> None:
    port = sandbox.url.rpartition(":")[2]
    folder = tmp_path / "docs"
    shutil.copytree(ROOT / "docs" / "tools", folder)
    for file in folder.iterdir():
        file.write_text(file.read_text().replace(PORT, port))
    found = list(sessions(PAGE.read_text()))
    exports = [section for section, _, _ in found].index("export")
    shown, printed = [], []
    environment = {**os.environ, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}

    for number, (_, commands, output) in enumerate(found):
        if number == exports:
            for changes in ({}, SECOND):
                assert sandbox.call("POST", "/syncs", sync=ON_THE_SERVER | changes).status_code == 201
        allowed = "export SYNC_OPERATOR_ALLOW_INSECURE_HOSTS=127.0.0.1\n" if number >= exports else ""
        done = subprocess.run(
            [BASH, "-c", f"exec 2>&1\n{allowed}{commands}"],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        shown.append(output)
        printed.append(done.stdout.replace(port, PORT).rstrip("\n"))

    assert len(found) == 5
    assert printed == shown
