"""Those who are compared: each a process that does the same work, with the same interpreter and event loop."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final

from tests.support.plane import IMAGE, ROOT
from tests.support.running import PROGRAM

from benchmarks.crowd import UnfinishedError
from benchmarks.stage import Stage
from benchmarks.work import Phase

__all__ = ["Contender", "Running", "running"]

_GRACE: Final = 60.0
_SETTINGS: Final = {
    "SYNC_OPERATOR_RUNNER_IMAGE": IMAGE,
    "SYNC_OPERATOR_ALLOW_INSECURE_HOSTS": "127.0.0.1",
    "SYNC_OPERATOR_HEALTH_PORT": "0",
    "SYNC_OPERATOR_METRICS_PORT": "0",
}
_ALL_IMPORTS: Final = (
    "import sync_operator.controller.main, benchmarks.floor, benchmarks.pipeline_floor, benchmarks.plain"
)


class Contender(StrEnum):
    """Who does the work."""

    OPERATOR = "operator"
    FLOOR = "floor"
    PLAIN = "plain"

    def command(self, phase: Phase, floor: str) -> list[str | Path]:
        """How it is started for a phase; the floor is a module of its own for each kind of load."""
        match self:
            case Contender.OPERATOR:
                return [PROGRAM, "controller"]
            case Contender.FLOOR:
                return [sys.executable, "-m", floor, phase]
            case Contender.PLAIN:
                return [sys.executable, "-m", "benchmarks.plain"]


class Running:
    """A contender at work."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def pid(self) -> int:
        """Of its process."""
        return self.process.pid

    def check(self) -> None:
        """Look whether it still runs.

        Raises:
            UnfinishedError: it has ended by itself.
        """
        if self.process.poll() is not None:
            raise self.failure()

    def failure(self) -> UnfinishedError:
        """That it has ended, with its last words."""
        return UnfinishedError(f"ended with {self.process.returncode}: {self._log.read_text()[-2000:]}")


@contextmanager
def running(
    contender: Contender,
    stage: Stage,
    phase: Phase = Phase.CREATE,
    settings: Mapping[str, str] | None = None,
    *,
    floor: str = "benchmarks.floor",
) -> Iterator[Running]:
    """Start a contender as it is when installed, and stop it in the end."""
    hidden = stage.folder / "hidden"
    if not hidden.exists():
        # Kopf loads the official client wherever it finds it, used or not; here only the tests need it.
        hidden.mkdir()
        (hidden / "kubernetes.py").write_text('raise ImportError("not in the image")\n')
    environment = stage.environment | {"PYTHONPATH": str(hidden)}
    # Compiled beforehand, as in the image: else whoever comes first would compile for all.
    subprocess.run([sys.executable, "-c", _ALL_IMPORTS], env=environment, cwd=ROOT, check=True)
    log = stage.folder / f"{contender}.log"
    with log.open("ab") as sink:
        process = subprocess.Popen(
            contender.command(phase, floor),
            stdout=sink,
            stderr=sink,
            cwd=ROOT,
            env=environment | _SETTINGS | dict(settings or {}),
        )
    try:
        yield Running(process, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(_GRACE)
