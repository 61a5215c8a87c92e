"""The steps of a create, and many Syncs of which each is held at another one."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.support.faults import Call, Fault, Moment

__all__ = ["CREATE", "Holds", "Step", "holds_at"]

_HELD: Final = 20.0
"""Seconds: longer than it takes until all are held, and less than another controller takes to follow."""
_BEFORE: Final = Fault("before", delay=_HELD, lose=Moment.BEFORE)
_AFTER: Final = Fault("after", linger=_HELD)
_LATE: Final = Fault("late", delay=_HELD, lose=Moment.BEFORE, late=10)
"""Arrives when another controller has followed, and would have settled it by now had it counted its own time only."""


@dataclass(frozen=True, slots=True)
class Step:
    """A request of a create: to which server, method, and end of the path."""

    to: str
    method: str
    path: str

    def fits(self, call: Call, name: str) -> bool:
        """True for this step of the create of that Sync, whose stream has a name of its own."""
        if (call.to, call.method) != (self.to, self.method) or not call.path.endswith(self.path.format(name=name)):
            return False
        if self.to == "server":
            return bool(call.body["sync"]["stream_name"] == name[:-1])
        return "{name}" in self.path or bool(call.body["involvedObject"]["name"] == name)


CREATE: Final = (
    Step("cluster", "PATCH", "/syncs/{name}"),
    Step("server", "POST", "/syncs"),
    Step("cluster", "PATCH", "/cronjobs/{name}"),
    Step("cluster", "PATCH", "/syncs/{name}/status"),
    Step("cluster", "POST", "/events"),
)
"""All requests of an ordinary create, in order."""


def holds_at(step: Step) -> tuple[Fault, ...]:
    """What can happen to the step's request: it never arrives, it is carried out, it arrives late.

    Events are written one at a time, so that only one can be held.
    """
    if step.path == "/events":
        return (_AFTER,)
    return (_BEFORE, _AFTER, _LATE) if step.to == "server" else (_BEFORE, _AFTER)


class Holds:
    """A rule that holds one request of each Sync.

    Attributes:
        reached: the Syncs that are held.
        over_at: when everything that is held has arrived or been lost, in seconds of the monotonic clock.
    """

    def __init__(self, plan: Mapping[str, tuple[Step, Fault]]) -> None:
        self._plan = plan
        self.reached: set[str] = set()
        self.over_at = 0.0

    def __call__(self, call: Call) -> Fault | None:
        for name, (step, fault) in self._plan.items():
            if name not in self.reached and step.fits(call, name):
                self.reached.add(name)
                self.over_at = max(self.over_at, time.monotonic() + fault.delay + fault.linger + (fault.late or 0))
                return fault
        return None
