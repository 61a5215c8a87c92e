"""Every command on the pages that need no cluster prints what the page shows."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.docs import ON_A_LAPTOP
from tests.support.docshell import DocShell
from tests.support.running import Sandbox, running_sandbox

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
"""What the pages say the server has when it comes to export."""
FOLDERS = {"docs/tools.md": "docs/tools"}
"""Where the reader of a page is."""


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path, token="sandbox-token") as running:
        yield running


@pytest.mark.parametrize("page", ON_A_LAPTOP)
def test_every_command_prints_what_the_page_shows(
    sandbox: Sandbox, tmp_path: Path, page: str, request: pytest.FixtureRequest
) -> None:
    def fill_the_server() -> None:
        for changes in ({}, SECOND):
            assert sandbox.call("POST", "/syncs", sync=ON_THE_SERVER | changes).status_code == 201

    shell = DocShell(tmp_path / "checkout", sandbox)

    difference = shell.walk(
        page,
        at=FOLDERS[page],
        prepare={"sync-operator export": fill_the_server},
        write=request.config.getoption("write_docs"),
    )

    assert not difference, difference
