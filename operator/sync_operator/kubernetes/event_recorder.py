"""Writes Kubernetes Events about Syncs and Workspaces. An event that cannot be written is only logged."""

import asyncio
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from sync_operator.api.base import rfc3339
from sync_operator.api.constants import FIELD_MANAGER
from sync_operator.domain.status.event_specs import EventSpec
from sync_operator.errors import KubernetesError
from sync_operator.kubernetes.kube_client import KubeClient
from sync_operator.kubernetes.resources import EVENTS
from sync_operator.util.bounds import one_line
from sync_operator.util.fair_shares import FairShares

__all__ = ["DRAIN_SECONDS", "EventRecorder"]

_log = logging.getLogger(__name__)
_MAX_MESSAGE_LENGTH: Final = 1024
"""Maximum length of an event's message that the API server accepts."""
_MAX_QUEUED: Final = 20_000
"""Maximum number of queued events (about 20 MB), if they are recorded faster than the API server takes them."""
_NAMESPACE_FACTOR: Final = 3
"""A single namespace may use three quarters of the queue, see `FairShares`."""
_MAX_WAIT: Final = 60.0
"""Maximum seconds for which an event waits while reconciles are queued."""
_POLL_INTERVAL: Final = 0.1
DRAIN_SECONDS: Final = 5.0
"""Seconds to write the queued events at shutdown."""


class EventRecorder:
    """Writes events in the background, one at a time and with lower priority than reconciles.

    Events of a namespace are written in FIFO order, and namespaces are served round-robin. The priority is low because
    nothing waits for an event, and an event costs the API server as much as any other write.

    Args:
        kube: client of the cluster.
        busy: True if reconciles are queued.
        recorded: called with the reason of each event that is recorded.
        dropped: called for each event that is dropped.
    """

    def __init__(
        self,
        kube: KubeClient,
        busy: Callable[[], bool],
        *,
        recorded: Callable[[str], None] = lambda _: None,
        dropped: Callable[[], None] = lambda: None,
    ) -> None:
        self._kube = kube
        self._busy = busy
        self._recorded = recorded
        self._dropped = dropped
        self._queues: OrderedDict[str, deque[tuple[float, dict[str, Any]]]] = OrderedDict()
        self._shares = FairShares(_MAX_QUEUED)
        self._has_events, self._is_empty = asyncio.Event(), asyncio.Event()
        self._is_empty.set()
        self._stopping = False

    def record(self, about: Mapping[str, Any], notice: EventSpec, *, now: datetime) -> None:
        """Queue one event about an object; if the queue is full, drop it.

        Args:
            about: the object, with ``apiVersion``, ``kind`` and ``metadata``.
            notice: reason and message; the message is reduced to one line of printable characters and a maximum length.
            now: timestamp of the event.
        """
        namespace, name = about["metadata"]["namespace"], about["metadata"]["name"]
        self._recorded(notice.reason)
        if not self._shares.allow(namespace, _NAMESPACE_FACTOR):
            _log.warning("event %s about %s/%s dropped: too many wait", notice.reason.value, namespace, name)
            self._dropped()
            return
        self._shares.take(namespace)
        self._queues.setdefault(namespace, deque()).append((time.monotonic(), _event(about, notice, now)))
        self._has_events.set()
        self._is_empty.clear()

    async def run(self) -> None:
        """Write queued events until cancelled, then for up to `DRAIN_SECONDS` the rest; log how many are lost."""
        writing = asyncio.create_task(self._write(), name="event writer")
        try:
            # Unlike a plain await, this does not cancel the writer when it is cancelled itself.
            await asyncio.wait([writing])
            writing.result()
        finally:
            self._stopping = True
            if not writing.done():
                rest = asyncio.create_task(self._is_empty.wait())
                await asyncio.wait([rest], timeout=DRAIN_SECONDS)
                rest.cancel()
                writing.cancel()
            if self._shares.taken:
                _log.warning("%d events dropped: they were not written before the stop", self._shares.taken)

    async def _write(self) -> None:
        while True:
            namespace, since, body = await self._pop()
            while self._yields(since):  # noqa: ASYNC110 (nothing signals the end of the work)
                await asyncio.sleep(_POLL_INTERVAL)
            try:
                await self._kube.create(EVENTS, namespace, body)
            except KubernetesError as error:
                # For example in a terminating namespace; the status has the same message.
                _log.warning("event %s about %s lost: %s", body["reason"], body["involvedObject"]["name"], error)
                self._dropped()
            self._shares.give_back(namespace)
            if not self._shares.taken:
                self._is_empty.set()

    async def _pop(self) -> tuple[str, float, dict[str, Any]]:
        """The next event: its namespace, when it was queued, and its body."""
        await self._has_events.wait()
        namespace, queue = next(iter(self._queues.items()))
        since, body = queue.popleft()
        if queue:
            self._queues.move_to_end(namespace)
        else:
            del self._queues[namespace]
            if not self._queues:
                self._has_events.clear()
        return namespace, since, body

    def _yields(self, since: float) -> bool:
        return self._busy() and not self._stopping and time.monotonic() - since < _MAX_WAIT


def _event(about: Mapping[str, Any], notice: EventSpec, now: datetime) -> dict[str, Any]:
    metadata = about["metadata"]
    timestamp = rfc3339(now)
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
        "message": one_line(notice.message, _MAX_MESSAGE_LENGTH),
        "type": "Warning" if notice.warning else "Normal",
        "source": {"component": FIELD_MANAGER},
        "reportingComponent": FIELD_MANAGER,
        "reportingInstance": FIELD_MANAGER,
        "firstTimestamp": timestamp,
        "lastTimestamp": timestamp,
        "count": 1,
    }
