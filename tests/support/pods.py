"""Run pods without a cluster: the runner in the test's own loop with a fake clock, and as the process it really is."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.support.served import Served

from sync_operator.runner.follow import Follower
from sync_operator.runner.outcome import RunOutcome
from sync_operator.runner.retry import Retrier
from sync_operator.runner.server_clock import Clock
from sync_operator.settings import RunnerSettings

__all__ = ["Pod", "follower_of", "job_of", "plan", "run_pod", "start_pod", "triggers"]

_PROGRAM: Final = Path(sys.executable).with_name("sync-operator")
_PATIENCE: Final = 60.0


def job_of(slot: datetime) -> str:
    """Name of the Job that a CronJob makes for a time."""
    return f"orders-{int(slot.timestamp()) // 60}"


def plan(api: Served, **changes: Any) -> None:
    """How the next run goes that nothing else was planned for."""
    api.store.planned.setdefault(None, []).append(replace(api.store.default_outcome, **changes))


def triggers(api: Served) -> int:
    """How many triggers the server has taken."""
    return sum(1 for method, path, status in api.seen() if (method, path, status) == ("POST", "/schedule_syncs", 200))


def follower_of(
    api: Served,
    job: str = "by-hand",
    *,
    sleep: Callable[[float], Awaitable[None]] | None = None,
    wall: Callable[[], datetime] | None = None,
    **settings: Any,
) -> Follower:
    """What a pod works with; time passes only in its sleep."""
    fixed = RunnerSettings("1", api.url, api.client.dialect.value, Path("token"), run_name=job)
    clock = Clock(api.clock.seconds, sleep or api.clock.sleep, wall or api.clock, lambda: 1.0)
    patience = Retrier(clock, lambda: "good")
    return Follower(api.client, replace(fixed, **settings), clock, patience)


async def run_pod(api: Served, job: str = "by-hand", **options: Any) -> RunOutcome:
    """What a pod does; the options are those of `follower_of`."""
    return await follower_of(api, job, **options).follow()


@dataclass
class Pod:
    """A runner process."""

    process: asyncio.subprocess.Process
    folder: Path

    def send(self, what: signal.Signals) -> None:
        self.process.send_signal(what)

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        return await asyncio.wait_for(self.process.wait(), _PATIENCE)

    def said(self) -> dict[str, Any]:
        """The termination message."""
        said: dict[str, Any] = json.loads((self.folder / "said").read_bytes())
        return said

    def log(self) -> str:
        return (self.folder / "log").read_text()

    async def logged(self, words: str) -> None:
        """Return when the log has these words."""
        async with asyncio.timeout(_PATIENCE):
            while words not in self.log():  # noqa: ASYNC110 (it is another process that writes there)
                await asyncio.sleep(0.02)


async def start_pod(api: Served, folder: Path, **environment: str) -> Pod:
    """Start the runner for a scheduled time that has just come; the folder holds its token, log and last words."""
    told = {
        "SYNC_ID": "1",
        "SYNC_API_URL": api.url,
        "SYNC_API_WORKSPACE_ID": "1",
        "SYNC_API_DIALECT": api.client.dialect.value,
        "SYNC_API_TOKEN_FILE": str(folder / "token"),
        "SYNC_RUN_NAME": job_of(datetime.now(UTC)),
        "SYNC_OPERATOR_ALLOW_INSECURE_HOSTS": "127.0.0.1",
        "NO_PROXY": "127.0.0.1",
        **environment,
    }
    process = await asyncio.create_subprocess_exec(
        *(_PROGRAM, "runner", "--termination-message", folder / "said"),
        env={name: value for name, value in os.environ.items() if not name.startswith("SYNC_")} | told,
        stderr=_appending(folder / "log"),
    )
    return Pod(process, folder)


def _appending(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
