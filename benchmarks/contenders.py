"""Those who are compared: each a process that does the same work, with the same interpreter and event loop."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final

from tests.support.plane import IMAGE
from tests.support.running import PROGRAM

from benchmarks.work import Phase

__all__ = ["Contender", "running"]

_GRACE: Final = 60.0


class Contender(StrEnum):
    """Who does the work."""

    OPERATOR = "operator"
    FLOOR = "floor"
    PLAIN = "plain"

    def command(self, phase: Phase) -> list[str | Path]:
        """How it is started for a phase."""
        match self:
            case Contender.OPERATOR:
                return [PROGRAM, "controller"]
            case Contender.FLOOR:
                return [sys.executable, "-m", "benchmarks.floor", phase]
            case Contender.PLAIN:
                return [sys.executable, "-m", "benchmarks.plain"]


@contextmanager
def running(
    contender: Contender, phase: Phase, log: Path, environment: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a contender, and stop it in the end."""
    settings = {
        "SYNC_OPERATOR_RUNNER_IMAGE": IMAGE,
        "SYNC_OPERATOR_ALLOW_INSECURE_HOSTS": "127.0.0.1",
        "SYNC_OPERATOR_HEALTH_PORT": "0",
        "SYNC_OPERATOR_METRICS_PORT": "0",
    }
    with log.open("ab") as sink:
        process = subprocess.Popen(contender.command(phase), stdout=sink, stderr=sink, env=settings | environment)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(_GRACE)
