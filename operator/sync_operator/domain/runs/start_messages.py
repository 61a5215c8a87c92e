"""Why pods do not run, from their status and events, and how to fix it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sync_operator.util.bounds import one_line
from sync_operator.util.redact import mask

__all__ = ["has_run", "newest_warning", "pod_words", "remedy"]

MAX_WORDS: Final = 500
"""Characters of a reason from the cluster."""
_STARTING: Final = frozenset({"", "ContainerCreating", "PodInitializing"})
"""Uninformative reasons of waiting containers: the kubelet's events have more."""
_POD_NAME: Final = re.compile(r'(pods? "[^"\s]{1,253}-)[a-z0-9]{5}(?=")')
"""Generated name of a pod that could not be created: it differs in each attempt."""
_REMEDIES: Final[Sequence[tuple[re.Pattern[str], str]]] = tuple(
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in (
        (
            r"exceeded quota|failed quota|must specify \w+\.",
            "Set spec.run.pod.resources to what the ResourceQuota asks for and leaves, or have it raised",
        ),
        (
            r"(minimum|maximum) \S+ usage per|limit to request ratio",
            "Set spec.run.pod.resources to what the namespace's LimitRange allows",
        ),
        (r"service ?account", "Create that service account, or change spec.run.pod.serviceAccountName"),
        (r"priority ?class", "Create that priority class, or change spec.run.pod.priorityClassName"),
        (
            r"PodSecurity",
            "Run pods meet the level restricted by themselves: see what else adds to pods here, such as a service mesh",
        ),
        (
            r"failed calling webhook",
            "Have that webhook repaired, or let pods be created without it (failurePolicy: Ignore)",
        ),
        (
            r"admission webhook|ValidatingAdmissionPolicy|denied the request",
            "Change what spec.run.pod asks for, or have that policy allow it",
        ),
        (
            r"nodes are available|Unschedulable|FailedScheduling",
            "Change spec.run.pod.nodeSelector, tolerations or resources to what a node has, or add such a node",
        ),
        (
            r"image|registry",
            "Look at the operator's chart value image; a registry's credentials go into spec.run.pod.imagePullSecrets",
        ),
        (
            r"secret|configmap|MountVolume",
            "The Workspace names the Secrets of run pods: put back what is missing there, or name another one",
        ),
    )
)


def remedy(words: str) -> str:
    """How to fix a reason given by the cluster; names the fields that may be changed."""
    found = next((what for pattern, what in _REMEDIES if pattern.search(words)), "")
    return found or "Correct that; a change of spec.run replaces the Job"


def has_run(pod: Mapping[str, Any]) -> bool:
    """True when a container of a pod runs, or has run."""
    states = (
        state
        for container in pod.get("status", {}).get("containerStatuses", ())
        for state in (container.get("state", {}), container.get("lastState", {}))
    )
    return any("running" in state or _was_started(state.get("terminated", {})) for state in states)


def _was_started(terminated: Mapping[str, Any]) -> bool:
    """True if the container had started: one that ended with its pod before it started has no start time."""
    return bool(terminated.get("startedAt"))


def pod_words(pod: Mapping[str, Any]) -> str:
    """Why a pod does not run, from its status; empty if the status has no reason."""
    status = pod.get("status", {})
    for entry in status.get("conditions", ()):
        if entry.get("type") == "PodScheduled" and entry.get("status") == "False":
            return _cut(entry.get("reason", ""), entry.get("message", ""))
    containers = (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ()))
    for waiting in (entry.get("state", {}).get("waiting", {}) for entry in containers):
        if waiting.get("reason", "") not in _STARTING:
            return _cut(waiting["reason"], waiting.get("message", ""))
    return _cut(status.get("reason", ""), status.get("message", ""))


def newest_warning(events: Sequence[Mapping[str, Any]]) -> str:
    """Text of the newest event, without parts that differ in each attempt; empty if there are no events."""
    newest = max(events, key=_last_seen, default=None)
    if newest is None:
        return ""
    message = _POD_NAME.sub(r"\1…", str(newest.get("message", "")))
    return _cut(str(newest.get("reason", "")), mask(message))


def _last_seen(event: Mapping[str, Any]) -> str:
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return str(next((time for time in times if time), event["metadata"].get("creationTimestamp", "")))


def _cut(reason: str, message: str) -> str:
    return one_line(": ".join(part for part in (reason, message) if part), MAX_WORDS)
