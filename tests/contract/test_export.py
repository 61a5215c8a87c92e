"""`export` against the sandbox: what is exported, what is not, and that applying it would change nothing."""

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.judging import documents_of, judged
from tests.support.manifests import sync_manifest, workspace_manifest
from tests.support.served import BODY, Served

from sync_operator.cli import main
from sync_operator.syncapi.types import Dialect

INTERVAL = {"schedule_type": "interval", "sync_interval": 90, "sync_interval_unit": "minutes"}
CRON = {"schedule_type": "cron_expression", "cron_expression": "0 6 * * MON"}
SECRET = [{"from": "a", "to": "b", "mapping_type": "vector", "embedding_config": {"api_key": "top-s3cr3t"}}]


class Exporter:
    """Runs the command as a user does, with manifests of the Workspace and its Secret."""

    def __init__(self, api: Served, folder: Path, capture: Any) -> None:
        self.api, self.folder, self._capture = api, folder, capture
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}, "stringData": {"token": "good"}}
        workspace = workspace_manifest("default", url=api.url, workspaceId="1")
        self.workspace = folder / "workspace.yaml"
        self.workspace.write_text("\n---\n".join(map(json.dumps, (workspace, secret))))

    async def add(self, **changes: Any) -> str:
        """A sync on the server, in words of its dialect; its id."""
        if self.api.client.dialect is Dialect.DOCUMENTED:
            changes = {"schedule_type": "automated", "sync_interval": 90, "sync_interval_unit": "minutes"} | {
                name: value for name, value in changes.items() if name not in {*INTERVAL, *CRON}
            }
        return (await self.api.client.syncs.create(BODY | changes)).id

    async def run(self, command: str = "export", *words: str) -> tuple[int, str, str]:
        self._capture.readouterr()
        before = len(self.api.seen())
        code = await asyncio.to_thread(main, [command, str(self.workspace), *words])
        assert {method for method, _, _ in self.api.seen()[before:]} <= {"GET"}
        out, err = self._capture.readouterr()
        return code, out, err

    async def plan(self, text: str) -> tuple[int, str, str]:
        """What applying would do."""
        file = self.folder / "exported.yaml"
        file.write_text(text)
        return await self.run("plan", str(file))


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_OPERATOR_ALLOW_INSECURE_HOSTS", "127.0.0.1")
    for name in ("SYNC_API_URL", "SYNC_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def export(either: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Exporter:
    return Exporter(either, tmp_path, capsys)


@pytest.fixture
def multiwoven(api: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Exporter:
    return Exporter(api, tmp_path, capsys)


def manifests(text: str) -> dict[str, dict[str, Any]]:
    """Specs by name."""
    documents, broken = documents_of(text)
    assert broken is None
    return {document.value["metadata"]["name"]: document.value["spec"] for document in documents}


async def test_what_is_exported_is_valid_and_applying_it_would_change_nothing(export: Exporter) -> None:
    await export.add(cursor_field="updated_at")
    await export.add(**INTERVAL, stream_name="Big Orders / EU")
    await export.add(**CRON, configuration={"on": "yes", "0o17": "~", "text": "a: b\nc"})
    await export.add(configuration=SECRET)

    code, out, err = await export.run()
    planned = await export.plan(out)

    assert (code, err) == (0, "4 syncs exported\n")
    assert list(manifests(out)) == ["orders-1", "big-orders-eu-2", "orders-3", "orders-4"]
    assert [spec["externalId"] for spec in manifests(out).values()] == ["1", "2", "3", "4"]
    assert judged(out).valid
    assert planned[0] == 0
    assert "plan: 4 to take over; nothing was written" in planned[1]


async def test_secrets_are_left_out_and_their_place_is_told(export: Exporter) -> None:
    await export.add(configuration=SECRET)

    _, out, err = await export.run()

    assert "s3cr3t" not in out + err
    assert "kubectl create secret generic orders-1-configuration --from-literal=0.embedding_config.api_key=VALUE" in out
    (spec,) = manifests(out).values()
    assert spec["configuration"][0]["embedding_config"]["api_key"] == "(in Secret orders-1-configuration)"
    assert spec["configurationSecrets"] == [
        {
            "pointer": "/0/embedding_config/api_key",
            "secretKeyRef": {"name": "orders-1-configuration", "key": "0.embedding_config.api_key"},
        }
    ]


async def test_schedules_stay_the_servers_and_disabled_syncs_disabled(multiwoven: Exporter) -> None:
    for changes in ({}, INTERVAL, CRON, {}, INTERVAL):
        await multiwoven.add(**changes)
    for sync_id in ("4", "5"):
        await multiwoven.api.client.set_enabled(sync_id, False)

    _, out, _ = await multiwoven.run()
    specs = list(manifests(out).values())

    assert [(spec.get("scheduler", "CronJob"), spec.get("suspend", False)) for spec in specs] == [
        *(("CronJob", False), ("Server", False), ("Server", False)),
        *(("Server", True), ("Server", True)),
    ]
    assert (await multiwoven.plan(out))[0] == 0


async def test_what_no_manifest_can_say_is_left_out_and_named(multiwoven: Exporter) -> None:
    await multiwoven.add()
    await multiwoven.add(**CRON | {"cron_expression": "0 0 6 * * *"})
    await multiwoven.add(configuration={f"column{number}": "x" for number in range(1100)})

    code, out, err = await multiwoven.run()

    assert code == 1
    assert list(manifests(out)) == ["orders-1"]
    assert "sync 2 is left out, because no manifest takes it over as it is: spec.cronExpression: has 6 fields" in err
    assert "sync 3 is left out, because no manifest takes it over as it is: spec.configuration: has too many" in err
    assert err.endswith("1 sync exported, 2 left out\n")


async def test_names_fit_and_do_not_collide(export: Exporter) -> None:
    for stream in ("x" * 80, "x" * 80, "Ünïcode", "客户", "a-1"):
        await export.add(stream_name=stream)

    _, out, _ = await export.run()

    names = list(manifests(out))
    assert names == [f"{'x' * 50}-1", f"{'x' * 50}-2", "n-code-3", "sync-4", "a-1-5"]
    assert all(len(name) <= 52 for name in names)


async def test_files_are_grouped_stable_and_never_somebody_elses(export: Exporter) -> None:
    await export.add()
    await export.add(destination_id=5)
    folder = export.folder / "syncs"

    first = await export.run("export", "--output", str(folder))
    texts = {file.name: file.read_text() for file in folder.iterdir()}
    again = await export.run("export", "--output", str(folder))

    assert (first[0], again[0], first[1]) == (0, 0, "")
    assert sorted(texts) == ["destination-2.yaml", "destination-5.yaml"]
    assert {file.name: file.read_text() for file in folder.iterdir()} == texts
    await export.api.client.syncs.delete("2")
    assert "destination-5.yaml: was written by an earlier export" in (await export.run("export", "-o", str(folder)))[2]
    (folder / "destination-2.yaml").write_text("mine")
    code, _, err = await export.run("export", "--output", str(folder))
    assert code == 2
    assert "was not written by export" in err
    assert (folder / "destination-2.yaml").read_text() == "mine"


async def test_a_file_in_the_place_of_the_folder_is_told_before_anything_is_asked(export: Exporter) -> None:
    before = len(export.api.seen())

    code, _, err = await export.run("export", "--output", str(export.workspace))

    assert code == 2
    assert f"{export.workspace}: is not a folder; name one with --output" in err
    assert len(export.api.seen()) == before


async def test_what_belongs_to_a_sync_of_the_cluster_is_left_out(export: Exporter) -> None:
    await export.add()
    await export.add()
    live = export.folder / "live.yaml"
    status = {"id": "1", "url": export.api.url, "workspaceId": "1"}
    live.write_text(json.dumps(sync_manifest("mine") | {"status": status}))

    _, out, _ = await export.run("export", "--live", str(live))

    assert list(manifests(out)) == ["orders-2"]


async def test_another_workspace_and_namespace_are_written_into_the_manifests(export: Exporter) -> None:
    await export.add()
    text = export.workspace.read_text().replace('"default"', '"prod"')
    export.workspace.write_text(text)

    _, out, _ = await export.run("export", "--namespace", "eu")

    (document,), _ = documents_of(out)
    assert document.value["metadata"] == {"name": "orders-1", "namespace": "eu"}
    assert document.value["spec"]["workspaceRef"] == {"name": "prod"}


async def test_several_workspaces_are_asked_about(export: Exporter) -> None:
    other = workspace_manifest("other", url=export.api.url, workspaceId="1")
    export.workspace.write_text(f"{export.workspace.read_text()}\n---\n{json.dumps(other)}")

    code, _, err = await export.run()
    named, out, _ = await export.run("export", "--workspace", "other")

    assert (code, named) == (2, 0)
    assert "there are several Workspaces (default, other); name one of them with --workspace" in err
    assert out == ""


async def test_ctrl_c_ends_it_at_once_and_leaves_nothing_behind(multiwoven: Exporter, tmp_path: Path) -> None:
    """It waits for the answer of a server that gives none, so that it cannot have ended by itself."""
    asked = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(hold, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    multiwoven.workspace.write_text(multiwoven.workspace.read_text().replace(multiwoven.api.url, url))
    leader, follower = pty.openpty()
    words = ["-m", "sync_operator", "export", str(multiwoven.workspace), "--output", str(tmp_path / "exported")]
    process = await asyncio.create_subprocess_exec(sys.executable, *words, stderr=follower)
    os.close(follower)
    async with silent, asyncio.timeout(60):
        await asked.wait()
        process.send_signal(signal.SIGINT)

        assert await process.wait() == 130
    assert not (tmp_path / "exported").exists()
    os.close(leader)


async def test_a_reader_that_has_seen_enough_is_no_error(multiwoven: Exporter) -> None:
    await multiwoven.add(**INTERVAL)
    reader, writer = os.pipe()
    os.close(reader)
    words = ["-u", "-m", "sync_operator", "export", str(multiwoven.workspace)]
    process = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)

    _, err = await process.communicate()

    assert process.returncode == 141
    assert b"sync-operator export:" not in err


async def test_wrong_credentials_are_an_error_and_a_missing_server_wrong_usage(
    export: Exporter, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await asyncio.to_thread(main, ["export"]) == 2
    assert "set SYNC_API_URL" in capsys.readouterr().err
    monkeypatch.setenv("SYNC_API_TOKEN", "wrong")
    monkeypatch.setenv("SYNC_API_URL", "http://api.example.com")
    assert await asyncio.to_thread(main, ["export"]) == 1
    assert "SYNC_API_URL: must be https" in capsys.readouterr().err
    monkeypatch.setenv("SYNC_API_URL", export.api.url)
    code, out, err = await export.run()
    assert (code, out) == (1, "")
    assert "401" in err
