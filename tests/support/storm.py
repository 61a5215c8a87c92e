"""Faults at random on the way to both servers. The same seed has the same in store for the same request."""

import random
import re
import threading
from collections import Counter
from functools import partial
from typing import Final

from tests.support.faults import Answer, Call, Fault, Moment
from tests.support.kubeproxy import CONFLICT, EXPIRED, TOO_MANY

__all__ = ["Storm"]

_TROUBLE: Final = {"errors": [{"status": 400, "title": "Bad Request", "detail": "connection pool timeout"}]}
"""The sync server's answer to any trouble in an action (contract E2): it may have been carried out."""
_PAGE: Final = b"<html><body><h1>Welcome</h1></body></html>"
_SMALL: Final = Fault("", query={"limit": "10"})
"""No fault: an API server may answer with fewer objects than asked for, and the rest on further pages."""


def _instead(_: bytes, *, content: bytes) -> bytes:
    return content


_LOST: Final = (
    Fault("request lost", lose=Moment.BEFORE),
    Fault("answer lost", lose=Moment.AFTER),
    Fault("answer cut in the middle", cut=True),
    Fault("request delayed", delay=0.7),
    Fault("answer delayed", linger=0.7),
)
_REPEATED: Final = Fault("request repeated", twice=True)
_GARBLED: Final = (
    Fault("answer garbled", garble=lambda body: body[: len(body) // 2]),
    Fault("answer garbled", garble=partial(_instead, content=_PAGE)),
    Fault("answer garbled", garble=partial(_instead, content=b"")),
)
_MISSHAPEN: Final = tuple(
    Fault("answer misshapen", garble=partial(_instead, content=shape))
    for shape in (b"null", b"{}", b'{"data":null}', b'{"data":{}}')
)


def _answers(status: int, body: object = None) -> tuple[Fault, Fault]:
    answer = Answer(status, body)
    return (
        Fault(f"{status} instead of the answer", answer=answer, carried_out=True),
        Fault(f"{status} instead", answer=answer),
    )


_TO_SERVER: Final = (
    *_LOST,
    *_GARBLED,
    *_MISSHAPEN,
    *_answers(500, {"status": 500, "error": "Internal Server Error"}),
    *_answers(502),
    *_answers(503),
    *_answers(400, _TROUBLE),
    Fault("404 page instead", answer=Answer(404)),
    Fault("429 instead", answer=Answer(429, {"error": "slow down"}, {"Retry-After": "1"})),
    Fault("429 instead", answer=Answer(429)),
)
_CREATE: Final = (
    *_TO_SERVER,
    # What arrives later than the time-out is beyond what any client can know of: the fence waits for that long.
    Fault("request late", lose=Moment.BEFORE, late=1.0),
    Fault("504 while under way", answer=Answer(504), late=1.0),
)
_SLOW: Final = (
    Fault("answer too late", linger=2.5),
    Fault("request too late", delay=2.5),
)
"""Longer than the Workspace's time-out."""
_TO_CLUSTER: Final = (
    *_LOST,
    *_answers(500),
    *_answers(503),
    Fault("429 instead", answer=TOO_MANY),
)


class Storm:
    """A rule that lets something happen to a share of all requests.

    Attributes:
        counted: how often what has happened.
    """

    def __init__(self, seed: int, share: float) -> None:
        self.seed = seed
        self._share = share
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()
        self.counted: Counter[str] = Counter()

    def __call__(self, call: Call) -> Fault | None:
        pages = call.method == "GET" and "limit" in call.query and call.to == "cluster"
        path = re.sub("/namespaces/[^/]+", "", call.path)
        label = f"{call.to}: {call.method} {path} {'continue' in call.query}"
        with self._lock:
            self._calls[label] += 1
            # Any thread may ask, in any order: what happens to a request must not hang on what came before it.
            fate = random.Random(f"{self.seed}/{label}/{self._calls[label]}")  # noqa: S311 - a choice, no secret
            if fate.random() >= self._share * (2 if call.to == "server" else 1):
                return _SMALL if pages else None
            fault = fate.choice(_possible(call))
            self.counted[f"{call.to}: {fault.kind}"] += 1
            return fault


def _possible(call: Call) -> tuple[Fault, ...]:
    if call.to == "server":
        return _CREATE if call.method == "POST" else (*_TO_SERVER, *_SLOW, _REPEATED)
    if call.watches or call.method == "POST":
        return _TO_CLUSTER
    if call.method == "PATCH":
        conflicts = (Fault("409 instead", answer=CONFLICT),) * 4
        return (*_TO_CLUSTER, *_GARBLED, *conflicts, _REPEATED)
    if "continue" in call.query:
        return (Fault("410 instead", answer=EXPIRED),)
    return (*_TO_CLUSTER, _REPEATED)
