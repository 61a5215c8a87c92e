"""Kubernetes Events about Syncs and Workspaces. An event that cannot be written is worth a log line, no more."""

import asyncio
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from sync_operator.bounds import one_line
from sync_operator.cluster.kube import EVENTS, Kube
from sync_operator.decide.events import Notice
from sync_operator.errors import KubernetesError
from sync_operator.model.base import rfc3339
from sync_operator.model.names import FIELD_MANAGER
from sync_operator.shares import Shares

__all__ = ["Recorder"]

_log = logging.getLogger(__name__)
_MESSAGE_LIMIT: Final = 1024
"""Longest message the API server takes."""
_MOST_WAITING: Final = 20_000
"""Events kept while the API server is slower than the work: about 20 MB."""
_NAMESPACE_FACTOR: Final = 3
"""One namespace alone may have three quarters of them, see `Shares`."""
_LONGEST_WAIT: Final = 60.0
"""Seconds for which an event gives way to the work that it tells of."""
_LOOK: Final = 0.1
_LAST_SECONDS: Final = 5.0
"""For what is still to be written when we stop."""


class Recorder:
    """Writes events one at a time, when there is nothing better to do.

    Those of a namespace are written in the order of their coming, and the namespaces take turns. Nothing waits for an
    event, and an event costs the API server as much as any other write.

    Args:
        kube: the cluster.
        busy: whether work waits.

    Attributes:
        recorded: is told the reason of each event that is to be written.
        dropped: is told of each event that is not written after all.
    """

    def __init__(self, kube: Kube, busy: Callable[[], bool]) -> None:
        self._kube = kube
        self._busy = busy
        self._lines: OrderedDict[str, deque[tuple[float, dict[str, Any]]]] = OrderedDict()
        self._shares = Shares(_MOST_WAITING)
        self._some, self._none = asyncio.Event(), asyncio.Event()
        self._none.set()
        self._stopping = False
        self.recorded: Callable[[str], None] = lambda _: None
        self.dropped: Callable[[], None] = lambda: None

    def record(self, about: Mapping[str, Any], notice: Notice, *, now: datetime) -> None:
        """Have one event written about an object.

        Args:
            about: the object, with ``apiVersion``, ``kind`` and ``metadata``.
            notice: what to say; it is written as one line of printable characters, of bounded length.
            now: when it happened.
        """
        namespace, name = about["metadata"]["namespace"], about["metadata"]["name"]
        self.recorded(notice.reason)
        if not self._shares.allow(namespace, _NAMESPACE_FACTOR):
            _log.warning("event %s about %s/%s dropped: too many wait", notice.reason.value, namespace, name)
            self.dropped()
            return
        self._shares.take(namespace)
        self._lines.setdefault(namespace, deque()).append((time.monotonic(), _event(about, notice, now)))
        self._some.set()
        self._none.clear()

    async def run(self) -> None:
        """Write until cancelled; what waits then is still written, if that does not take long. The rest is counted."""
        writing = asyncio.create_task(self._write(), name="event writer")
        try:
            # Unlike a plain await, this leaves the writer alone when it is cancelled.
            await asyncio.wait([writing])
            writing.result()
        finally:
            self._stopping = True
            if not writing.done():
                rest = asyncio.create_task(self._none.wait())
                await asyncio.wait([rest], timeout=_LAST_SECONDS)
                rest.cancel()
                writing.cancel()
            if self._shares.taken:
                _log.warning("%d events dropped: they were not written before the stop", self._shares.taken)

    async def _write(self) -> None:
        while True:
            namespace, since, body = await self._next()
            while self._gives_way(since):  # noqa: ASYNC110 (the work tells nobody of its end)
                await asyncio.sleep(_LOOK)
            try:
                await self._kube.create(EVENTS, namespace, body)
            except KubernetesError as error:
                # A terminating namespace refuses events; the status still tells.
                _log.warning("event %s about %s lost: %s", body["reason"], body["involvedObject"]["name"], error)
                self.dropped()
            self._shares.give_back(namespace)
            if not self._shares.taken:
                self._none.set()

    async def _next(self) -> tuple[str, float, dict[str, Any]]:
        """The next event, its namespace and when it came."""
        await self._some.wait()
        namespace, line = next(iter(self._lines.items()))
        since, body = line.popleft()
        if line:
            self._lines.move_to_end(namespace)
        else:
            del self._lines[namespace]
            if not self._lines:
                self._some.clear()
        return namespace, since, body

    def _gives_way(self, since: float) -> bool:
        return self._busy() and not self._stopping and time.monotonic() - since < _LONGEST_WAIT


def _event(about: Mapping[str, Any], notice: Notice, now: datetime) -> dict[str, Any]:
    metadata = about["metadata"]
    moment = rfc3339(now)
    reference = {
        "apiVersion": about["apiVersion"],
        "kind": about["kind"],
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "resourceVersion": metadata["resourceVersion"],
    }
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{metadata['name'][:200]}.", "namespace": metadata["namespace"]},
        "involvedObject": reference,
        "reason": notice.reason.value,
        "message": one_line(notice.message, _MESSAGE_LIMIT),
        "type": "Warning" if notice.warning else "Normal",
        "source": {"component": FIELD_MANAGER},
        "reportingComponent": FIELD_MANAGER,
        "reportingInstance": FIELD_MANAGER,
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }
