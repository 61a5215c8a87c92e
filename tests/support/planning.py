"""Runs `plan` against a served sandbox, as a user does."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.support.manifests import workspace_manifest
from tests.support.served import Served

from sync_operator.cli import main

__all__ = ["Planner", "lines", "token_secret"]


def token_secret(value: str = "good") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}, "stringData": {"token": value}}


class Planner:
    """Runs the command on manifests, as a user does, and looks at what the server received."""

    def __init__(self, api: Served, folder: Path, monkeypatch: pytest.MonkeyPatch, capture: Any) -> None:
        self.api, self.folder, self._capture = api, folder, capture
        self.environment = monkeypatch
        self.spec: dict[str, Any] = {"url": api.url, "workspaceId": "1"}
        monkeypatch.setenv("SYNC_OPERATOR_ALLOW_INSECURE_HOSTS", "127.0.0.1")
        for name in ("SYNC_API_URL", "SYNC_API_TOKEN", "SYNC_API_WORKSPACE_ID", "NO_COLOR"):
            monkeypatch.delenv(name, raising=False)

    async def run(
        self,
        *manifests: Mapping[str, Any],
        live: Sequence[Mapping[str, Any]] = (),
        alone: bool = False,
        options: Sequence[str] = (),
    ) -> tuple[int, str, str]:
        """Exit code, output, errors; `alone` without Workspace and Secret."""
        beside = () if alone else (workspace_manifest("default", **self.spec), token_secret())
        words = ["plan", self.write("all.yaml", *beside, *manifests), *options]
        if live:
            words += ["--live", self.write("live.yaml", *live)]
        before = len(self.api.seen())
        code = await asyncio.to_thread(main, words)
        sent = self.api.seen()[before:]
        assert {(method, path) for method, path, _ in sent if method != "GET"} <= {("POST", "/login")}
        out, err = self._capture.readouterr()
        return code, out, err

    def write(self, name: str, *manifests: Mapping[str, Any]) -> str:
        file = self.folder / name
        file.write_text("\n---\n".join(map(json.dumps, manifests)))
        return str(file)


def lines(out: str) -> list[str]:
    """The lines of an output, without indentation and with one blank between words."""
    return [" ".join(line.split()) for line in out.splitlines()]
