"""Points at which a controller can be killed: every request it makes during an operation, before and after."""

import random
import re
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tests.support.faults import Call, Fault, Moment
from tests.support.invariants import JOB_SUFFIX

__all__ = ["Kill", "Point", "Reach", "Trap", "common_points", "kills_at", "points_of"]

_LATE: Final = 1.0
"""Seconds after which a request of a killed controller arrives: within the time in which it counts as under way."""


class When(StrEnum):
    """The moment of a kill."""

    BEFORE = "before"
    """The request was sent, and does not arrive."""
    AFTER = "after"
    """The request was carried out, and its answer does not arrive."""
    LATE = "late"
    """The request was sent, and arrives when the next controller is already at work."""


_MOMENTS: Final = {f"server: POST {path}": tuple(When) for path in ("connectors", "models", "syncs")}


@dataclass(frozen=True, slots=True)
class Point:
    """A request of an operation.

    Attributes:
        label: server, method and path, with ``*`` for the names and ids of a stage.
        turn: 1 for the first such request about the same Sync, 2 for the second, and so on.
        subjects: how many resources come to this point.
    """

    label: str
    turn: int
    subjects: int


@dataclass(frozen=True, slots=True)
class Kill:
    """A point and a moment.

    Attributes:
        subject: the controller dies when this many Syncs have come to the point: some are past it, some before it.
    """

    point: Point
    when: When
    subject: int

    def __str__(self) -> str:
        return f"{self.when} {self.point.label} (request {self.point.turn} of Sync {self.subject})"


def points_of(calls: Collection[Call], names: Collection[str]) -> list[Point]:
    """The points of an operation, from what the controller asked for while it went undisturbed."""
    turns: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for call in calls:
        label, subject = _place_of(call, names)
        if label:
            turns[label][subject] += 1
    return [
        Point(label, turn, sum(count >= turn for count in by_subject.values()))
        for label, by_subject in sorted(turns.items())
        for turn in _turns(label, by_subject)
    ]


def _turns(label: str, by_subject: Counter[str]) -> list[int]:
    """All turns about one Sync; of requests that do not tell which one they are about, the first and the last.

    Of those that read for one Sync what they read for the next, the first.
    """
    last = max(by_subject.values())
    if "" not in by_subject:
        return list(range(1, last + 1))
    return [1] if ": GET" in label else sorted({1, last})


def kills_at(points: Collection[Point], seed: str) -> Iterator[Kill]:
    """Every point at every moment; the seed chooses which of the Syncs that come to the point is meant.

    A request that only reads has one moment: it leaves the world as it was, and what it told dies with the controller.
    """
    for point in points:
        for when in _MOMENTS.get(point.label, (When.AFTER,) if ": GET" in point.label else (When.BEFORE, When.AFTER)):
            # The same seed makes the same choice, whatever else is killed.
            chosen = random.Random(f"{seed}/{point}/{when}")  # noqa: S311 - a choice, no secret
            yield Kill(point, when, chosen.randint(1, point.subjects))


def common_points(first: Collection[Point], second: Collection[Point]) -> list[Point]:
    """What two runs have in common: neither has to come to the points that only one of them came to."""
    counts = {(point.label, point.turn): point.subjects for point in second}
    return [
        Point(point.label, point.turn, min(point.subjects, counts[point.label, point.turn]))
        for point in first
        if (point.label, point.turn) in counts
    ]


class Reach:
    """The one request of an operation by which the chosen subject comes to a point."""

    def __init__(self, point: Point, subject: int, names: Collection[str]) -> None:
        self._point = point
        self._subject = subject
        self._names = names
        self._turns: Counter[str] = Counter()
        self._reached: set[str] = set()

    def __call__(self, call: Call) -> bool:
        """True for the first request by which that many subjects have come to the point."""
        label, subject = _place_of(call, self._names)
        if label != self._point.label or len(self._reached) >= self._subject:
            return False
        self._turns[subject] += 1
        if self._turns[subject] == self._point.turn:
            self._reached.add(subject)
        return len(self._reached) >= self._subject


class Trap:
    """A rule that kills a controller at one point, once."""

    def __init__(self, kill: Kill, names: Collection[str], strike: Callable[[], None]) -> None:
        self._when = kill.when
        self._strike = strike
        self._reach = Reach(kill.point, kill.subject, names)
        self._lock = threading.Lock()
        self._over = False
        self.sprung = threading.Event()

    def __call__(self, call: Call) -> Fault | None:
        if not self._reach(call):
            return None
        lose = Moment.AFTER if self._when is When.AFTER else Moment.BEFORE
        return Fault("kill", lose=lose, then=self._spring, late=_LATE if self._when is When.LATE else None)

    def over(self) -> bool:
        """Strike no more, also where a request has come to the point already; whether it has struck."""
        with self._lock:
            self._over = True
        return self.sprung.is_set()

    def _spring(self) -> None:
        with self._lock:
            if not self._over:
                self._strike()
                self.sprung.set()


def _place_of(call: Call, names: Collection[str]) -> tuple[str, str]:
    """Label and subject of a request; an empty label for those that are part of no operation.

    Such are the requests by which a controller fills its caches at the start, and those about other stages.
    """
    path = re.sub(r"^/apis?/([^/]+/)?v1/", "", call.path)
    if call.to == "cluster" and not path.startswith("namespaces/"):
        return "", ""
    parts = re.sub(r"^namespaces/[^/]+/", "", path).split("/")
    subject = ""
    for number, part in enumerate(parts):
        name = part.removesuffix(JOB_SUFFIX)
        if name in names or part.isdigit():
            parts[number], subject = "*", name
    if parts == ["events"]:
        subject = call.body["involvedObject"]["name"]
        if subject not in names:
            return "", ""
    return f"{call.to}: {call.method} {'/'.join(parts)}", subject
