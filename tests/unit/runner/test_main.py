import json
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.messages import Messages

from sync_operator.cli import main
from sync_operator.runner.run_progress import progress_fields, progress_line
from sync_operator.syncapi.types import RemoteRun, Rows, RunStatus


@pytest.mark.parametrize(
    ("run", "line"),
    [
        (RemoteRun(7, RunStatus.PENDING), "run 7 pending, 5s"),
        (RemoteRun(7, RunStatus.QUERYING, rows=Rows(queried=90)), "run 7 querying: 90 rows to send, 5s"),
        (
            RemoteRun(7, RunStatus.IN_PROGRESS, rows=Rows(total=90, succeeded=30, failed=15)),
            "run 7 in_progress: 45 of 90 rows (50 %), 15 refused, 5s",
        ),
    ],
)
def test_progress_reads_well(run: RemoteRun, line: str) -> None:
    elapsed = timedelta(seconds=5)
    assert progress_line(run, elapsed) == line
    assert progress_fields(run, elapsed)["elapsed_seconds"] == 5


@pytest.mark.parametrize(
    "changes",
    [
        {"SYNC_ID": None},
        {"SYNC_API_URL": "http://api.example.com"},
        {"SYNC_OPERATOR_ALLOW_INTERNAL_HOSTS": None},
        {"SYNC_API_TOKEN_FILE": "/nowhere/token"},
        {"SYNC_API_CA_FILE": "/dev/null"},
    ],
    ids=["no id", "http", "a loopback address", "no token", "no certificate"],
)
def test_a_wrong_environment_is_exit_code_2_with_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str | None], messages: Messages
) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    for name, value in (environment(token) | changes).items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    said = tmp_path / "said"

    assert main(["runner", "--termination-message", str(said)]) == 2

    messages.text("ExitCode2", json.loads(said.read_text())["message"])
    assert "secret" not in said.read_text()


def environment(token: Path) -> dict[str, str]:
    """What a run pod gets, for a server on this machine."""
    return {
        "SYNC_ID": "1",
        "SYNC_API_URL": "https://127.0.0.1:1",
        "SYNC_API_TOKEN_FILE": str(token),
        "SYNC_OPERATOR_ALLOW_INTERNAL_HOSTS": "127.0.0.1",
    }


def test_a_defect_is_exit_code_70_with_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    for name, value in environment(token).items():
        monkeypatch.setenv(name, value)
    said = tmp_path / "said"

    async def odd(_: object) -> None:
        raise OverflowError("nobody thought of secret")

    monkeypatch.setattr("sync_operator.runner.follow.Follower.follow", odd)

    assert main(["runner", "--termination-message", str(said)]) == 70

    assert "OverflowError" in json.loads(said.read_text())["message"]
    assert "secret" not in said.read_text()


def test_last_words_that_cannot_be_written_are_no_reason_to_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SYNC_ID", raising=False)
    assert main(["runner", "--termination-message", "/nowhere/said"]) == 2
    assert "/nowhere/said cannot be written" in capsys.readouterr().err
