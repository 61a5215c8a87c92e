"""Kubernetes Events about Syncs and Workspaces. An event that cannot be written is worth a log line, no more."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sync_operator.cluster.kube import EVENTS, Kube
from sync_operator.decide.events import Notice
from sync_operator.errors import KubernetesError
from sync_operator.model.names import FIELD_MANAGER

__all__ = ["Recorder"]

_log = logging.getLogger(__name__)
_MESSAGE_LIMIT: Final = 1024
"""Longest message the API server takes."""
_MOST_WAITING: Final = 20_000
"""Events kept while the API server is slower than the work: about 20 MB."""
_LAST_SECONDS: Final = 5.0
"""For what is still to be written when we stop."""


class Recorder:
    """Writes events in the order of their coming, one at a time, beside the work: nothing waits for an event."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue(_MOST_WAITING)

    def record(self, about: Mapping[str, Any], notice: Notice, *, now: datetime) -> None:
        """Have one event written about an object.

        Args:
            about: the object, with ``apiVersion``, ``kind`` and ``metadata``.
            notice: what to say.
            now: when it happened.
        """
        try:
            self._waiting.put_nowait(_event(about, notice, now))
        except asyncio.QueueFull:
            _log.warning("event %s about %s dropped: too many wait", notice.reason.value, about["metadata"]["name"])

    async def run(self) -> None:
        """Write until cancelled; what waits then is still written, if that does not take long."""
        writing = asyncio.create_task(self._write(), name="event writer")
        try:
            # Unlike a plain await, this leaves the writer alone when it is cancelled.
            await asyncio.wait([writing])
        finally:
            rest = asyncio.create_task(self._waiting.join())
            await asyncio.wait([rest], timeout=_LAST_SECONDS)
            rest.cancel()
            writing.cancel()

    async def _write(self) -> None:
        while True:
            body = await self._waiting.get()
            try:
                await self._kube.create(EVENTS, body["metadata"]["namespace"], body)
            except KubernetesError as error:
                # A terminating namespace refuses events; the status still tells.
                _log.warning("event %s about %s lost: %s", body["reason"], body["involvedObject"]["name"], error)
            finally:
                self._waiting.task_done()


def _event(about: Mapping[str, Any], notice: Notice, now: datetime) -> dict[str, Any]:
    metadata = about["metadata"]
    time = now.strftime("%Y-%m-%dT%H:%M:%SZ")
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
        "message": notice.message[:_MESSAGE_LIMIT],
        "type": "Warning" if notice.warning else "Normal",
        "source": {"component": FIELD_MANAGER},
        "reportingComponent": FIELD_MANAGER,
        "reportingInstance": FIELD_MANAGER,
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
    }
