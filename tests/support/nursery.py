"""Controllers that start in a tenth of a second, so that hundreds of them can be killed.

A start of the program is mostly the import of its libraries. The nursery is a process that has imported them, and
makes each controller by a fork of itself: a process of its own with its own environment and log, which runs the very
`main` that the program runs.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from secrets import randbelow
from typing import Any, Final, NoReturn, Self, cast

from tests.support.plane import ROOT, Plane
from tests.support.running import Controller, eventually, is_new

__all__ = ["CLOCK_AHEAD", "ZONE_HOURS", "Nursery", "NurseryController", "free_port", "running_nursery"]

CLOCK_AHEAD: Final = "TESTS_CLOCK_AHEAD"
"""Variable of a controller: seconds by which its clock is ahead."""
ZONE_HOURS: Final = "TESTS_ZONE_HOURS"
"""Variable of a controller: hours by which all time zones are ahead of UTC, as its time zone data say."""


class Nursery:
    """The test's end of a nursery: one order a line, one answer a line. Any thread may give orders."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._lock = threading.Lock()

    def start(self, environment: Mapping[str, str], log: Path) -> int:
        """Start a controller; its process id."""
        return int(self._ask(environment=dict(environment), log=str(log)))

    def ended(self, pid: int) -> int | None:
        """Exit code of a controller, or the negative number of the signal that ended it; None while it runs."""
        code: int | None = self._ask(ended=pid)
        return code

    def _ask(self, **order: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())


class NurseryController(Controller):
    """A controller out of a nursery; ``SIGUSR1`` does to it what a defect would: it holds the event loop for ever."""

    def __init__(self, nursery: Nursery, plane: Plane, folder: Path, **environment: str) -> None:
        self.metrics_port = free_port()
        super().__init__(plane, folder, SYNC_OPERATOR_METRICS_PORT=str(self.metrics_port), **environment)
        self._nursery = nursery
        self.pid = 0

    @property
    def logs(self) -> list[Path]:
        """One of each start."""
        return sorted(self._folder.glob("controller-*.log"))

    def begin(self) -> None:
        self._starts += 1
        self.log.touch()
        self.pid = self._nursery.start(os.environ | self._environment, self.log)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        os.kill(self.pid, how)
        return self.await_end()

    def kill(self) -> None:
        """End it at this very moment; may be called from any thread."""
        os.kill(self.pid, signal.SIGKILL)

    @property
    def ended(self) -> int | None:
        """As of any controller."""
        return self._nursery.ended(self.pid)

    def await_end(self) -> int:
        [code] = eventually(lambda: [self.ended] if self.ended is not None else None, "the controller to end")
        return code


def free_port() -> int:
    """Above those of the control plane, and below those that kernels give to outgoing connections."""
    while True:
        port = 30000 + randbelow(2768)
        with suppress(OSError), socket.create_server(("", port)):
            if is_new(port):
                return port


@contextmanager
def running_nursery() -> Iterator[Nursery]:
    """Start a nursery; what it has started ends with it."""
    command = [sys.executable, "-m", "tests.support.nursery"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            yield Nursery(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()


def _main() -> None:
    """The nursery itself: follows orders until there are no more."""
    from sync_operator import cli  # noqa: PLC0415 - the test's end has no use for it
    from sync_operator.controller import main  # noqa: F401, PLC0415 - so that no controller need import it again

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ends: dict[int, int | None] = {}
    for line in sys.stdin:
        order = json.loads(line)
        if "ended" in order:
            answer = ends[order["ended"]] = _end(order["ended"], ends)
        else:
            answer = os.fork() or _become_controller(cli.main, order)
            ends[answer] = None
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    for pid, end in ends.items():
        if end is None:
            os.kill(pid, signal.SIGKILL)


def _end(pid: int, ends: Mapping[int, int | None]) -> int | None:
    if ends[pid] is not None:
        return ends[pid]
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _live_elsewhere() -> None:
    """Give the process a clock that is ahead, or other time zone data: all zones but UTC as many hours ahead of it."""
    from sync_operator.kubernetes import api_server_clock  # noqa: PLC0415 - the test's end has no use for it
    from sync_operator.schedule import timezones  # noqa: PLC0415

    ahead = timedelta(seconds=float(os.environ.get(CLOCK_AHEAD, "0")))
    offset = os.environ.get(ZONE_HOURS)

    class Ahead(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:  # noqa: ARG003 - always in UTC
            return cast("Self", datetime.now(UTC) + ahead)

    class Zones:
        @staticmethod
        def from_file(_data: object, _name: str) -> tzinfo:
            return timezone(timedelta(hours=float(offset or 0)))

    if ahead:
        vars(api_server_clock)["datetime"] = Ahead
    if offset is not None:
        vars(timezones)["ZoneInfo"] = Zones


def _become_controller(run: Callable[[list[str]], int], order: Mapping[str, Any]) -> NoReturn:
    """In the child: take environment and log, and be the program."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGUSR1, lambda *_: time.sleep(3600))
        sink = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for stream in (1, 2):
            os.dup2(sink, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.clear()
        os.environ.update(order["environment"])
        _live_elsewhere()
        code = run(["controller"])
    except BaseException:  # noqa: BLE001 - what is left of the nursery in this process must not go on, whatever happened
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _main()
