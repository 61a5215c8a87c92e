"""Kubernetes Events about Syncs and Workspaces. An event that cannot be written is worth a log line, no more."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sync_operator.cluster.kube import EVENTS, Kube
from sync_operator.decide.events import Notice
from sync_operator.errors import KubernetesError
from sync_operator.model.names import FIELD_MANAGER

__all__ = ["post_event"]

_log = logging.getLogger(__name__)
_MESSAGE_LIMIT: Final = 1024
"""Longest message the API server takes."""


async def post_event(kube: Kube, about: Mapping[str, Any], notice: Notice, *, now: datetime) -> None:
    """Write one Event about an object.

    Args:
        kube: the cluster.
        about: the object, with ``apiVersion``, ``kind`` and ``metadata``.
        notice: what to say.
        now: when it happened.
    """
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
    body = {
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
    try:
        await kube.create(EVENTS, metadata["namespace"], body)
    except KubernetesError as error:
        # A terminating namespace refuses events; the status still tells.
        _log.warning("event %s about %s not written: %s", notice.reason.value, metadata["name"], error)
