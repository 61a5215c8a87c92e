"""What Kubernetes itself makes of a schedule: its own code, asked through `localplane cron`."""

import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from itertools import batched
from pathlib import Path
from typing import Any, Final

__all__ = ["CronLib", "Moment", "running_cronlib"]

_BATCH: Final = 100
"""Questions that are written before an answer is read: few enough for both pipes to hold."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A CronJob's state at a moment.

    Attributes:
        anchor: its `lastScheduleTime`; None for a CronJob made at ``created`` that had no Job yet.
        deadline: its `startingDeadlineSeconds`.
    """

    schedule: str
    time_zone: str
    now: datetime
    created: datetime
    last: datetime | None = None
    deadline: timedelta | None = None

    @property
    def anchor(self) -> datetime:
        return self.last or self.created


class CronLib:
    """The running program."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def refusals(self, cronjobs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
        """What the API server has against CronJobs of a schedule and a zone, by field; nothing when it takes one."""
        answers = self._ask({"schedule": schedule, "timeZone": zone} for schedule, zone in cronjobs)
        return [given.get("errors", {}) for given in answers]

    def matches(self, pattern: str, texts: Iterable[str]) -> list[bool]:
        """Whether `text.matches(pattern)` holds in a CEL rule."""
        return [given["matches"] for given in self._ask({"pattern": pattern, "text": text} for text in texts)]

    def runs(self, moments: Iterable[Moment], count: int = 5) -> list[tuple[datetime, ...]]:
        """The times of the next Jobs that the CronJob controller starts."""
        answers = self._ask(_question(moment, count) for moment in moments)
        assert not any("errors" in given for given in answers), answers
        return [tuple(datetime.fromtimestamp(seconds, UTC) for seconds in given.get("runs", ())) for given in answers]

    def _ask(self, questions: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        answers = []
        for batch in batched(questions, _BATCH, strict=False):
            self._process.stdin.write("".join(f"{json.dumps(question)}\n" for question in batch).encode())
            self._process.stdin.flush()
            answers += [json.loads(self._process.stdout.readline()) for _ in batch]
        return answers


def _question(moment: Moment, count: int) -> dict[str, Any]:
    return {
        "schedule": moment.schedule,
        "timeZone": moment.time_zone,
        "created": moment.created.astimezone(UTC).isoformat(),
        "last": moment.last.astimezone(UTC).isoformat() if moment.last else None,
        "deadlineSeconds": None if moment.deadline is None else moment.deadline // timedelta(seconds=1),
        "now": moment.now.astimezone(UTC).isoformat(),
        "count": count,
    }


@contextmanager
def running_cronlib(binary: Path) -> Iterator[CronLib]:
    """Start it with the zone data that the operator reads: what is compared is code, not the age of two data bases."""
    environment = os.environ | {"ZONEINFO": str(files("tzdata").joinpath("zoneinfo"))}
    with subprocess.Popen([binary, "cron"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        yield CronLib(process)
