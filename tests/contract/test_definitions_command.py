"""`definitions` against the sandbox: what is written, where, and what is not."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.manifests import workspace_manifest
from tests.support.served import Served

from sync_operator.cli import main
from sync_operator.sandbox.pipeline.bundled_definitions import KINDS, DefinitionCatalogue
from sync_operator.syncapi.pipeline.definitions import parse_definitions


class Writer:
    """Runs the command as a user does, with manifests of the Workspace and its Secret."""

    def __init__(self, api: Served, folder: Path, capture: Any) -> None:
        self.api, self._capture = api, capture
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}, "stringData": {"token": "good"}}
        workspace = workspace_manifest("default", url=api.url, workspaceId="1")
        self.workspace = folder / "workspace.yaml"
        self.workspace.write_text("\n---\n".join(map(json.dumps, (workspace, secret))))

    async def run(self, *words: str) -> tuple[int, str, str]:
        self._capture.readouterr()
        code = await asyncio.to_thread(main, ["definitions", str(self.workspace), *words])
        assert {method for method, _, _ in self.api.seen()} <= {"GET"}
        out, err = self._capture.readouterr()
        return code, out, err


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_OPERATOR_ALLOW_INSECURE_HOSTS", "127.0.0.1")
    for name in ("SYNC_API_URL", "SYNC_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def write(either: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Writer:
    return Writer(either, tmp_path, capsys)


@pytest.fixture
def multiwoven(api: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Writer:
    return Writer(api, tmp_path, capsys)


async def test_all_definitions_of_the_server_are_written(write: Writer, tmp_path: Path) -> None:
    held = DefinitionCatalogue()

    code, out, err = await write.run()

    assert (code, err) == (0, "definitions written: 10 of sources and 7 of destinations\n")
    assert parse_definitions(json.loads(out)) == parse_definitions({kind: held.listed(kind) for kind in KINDS})
    file = tmp_path / "definitions.json"
    assert (await write.run("-o", str(file)))[:2] == (0, "")
    assert file.read_text("utf-8") == out
    assert (await write.run("-o", str(file)))[0] == 0, "its own file is overwritten"


async def test_a_file_of_something_else_is_not_overwritten(multiwoven: Writer, tmp_path: Path) -> None:
    for name, content in (("notes.txt", "mine"), ("deep.json", "[" * 100 + "]" * 100), ("other.json", '{"a": 1}')):
        file = tmp_path / name
        file.write_text(content)

        code, _, err = await multiwoven.run("-o", str(file))

        assert (code, multiwoven.api.seen()) == (2, [])
        assert f"{file}: holds no connector definitions; name a file that" in err
        assert file.read_text() == content


async def test_a_folder_that_is_not_there_is_told(multiwoven: Writer, tmp_path: Path) -> None:
    code, _, err = await multiwoven.run("-o", str(tmp_path / "nowhere" / "definitions.json"))

    assert (code, "No such file or directory" in err) == (2, True)


async def test_a_server_that_has_none_is_told(multiwoven: Writer) -> None:
    multiwoven.api.fault(path="/connector_definitions", status=404)

    code, out, err = await multiwoven.run()

    assert (code, out) == (1, "")
    assert "GET /connector_definitions was answered with 404" in err


async def test_without_a_server_nothing_is_asked(multiwoven: Writer) -> None:
    multiwoven.workspace.write_text("")

    code, _, err = await multiwoven.run()

    assert (code, "Workspace 'default' is not in the input" in err) == (2, True)
