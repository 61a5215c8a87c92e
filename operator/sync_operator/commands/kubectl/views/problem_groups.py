"""What is wrong, grouped by cause: a Workspace that is down is one problem, not one for each Sync. Pure."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sync_operator.api.statuses.conditions import Reason
from sync_operator.commands.kubectl.cluster.cluster_client import CONNECTORS, MODELS, SYNCS, WORKSPACES
from sync_operator.commands.kubectl.views.resource_view import Condition, ResourceView

__all__ = ["ObjectId", "Problem", "ProblemGroups"]

_OF_WORKSPACE: Final = frozenset({Reason.WORKSPACE_NOT_FOUND, Reason.WORKSPACE_NOT_READY})
"""Reasons of Ready that are about the Workspace, whatever the object."""
_SHARED: Final = _OF_WORKSPACE | {
    Reason.UNAUTHORIZED,
    Reason.FORBIDDEN,
    Reason.SERVER_UNAVAILABLE,
    Reason.THROTTLED,
    Reason.SERVER_RESET,
    Reason.WORKSPACE_CHANGED,
}
"""Reasons that all objects of a Workspace have at once."""
_NOT_SEEN: Final = "NotReconciled"
_NOT_SEEN_MESSAGE: Final = "no operator has looked at it yet: is it running, and does it serve this namespace?"
_GRACE: Final = timedelta(seconds=30)
"""How old an object is before it is told that no operator has looked at it."""
_VARYING: Final = re.compile(r"'[^']*'|\d+")
"""What differs in messages that are otherwise the same: names and numbers."""
_REFERENCES: Final = (
    ("sourceRef", CONNECTORS.kind),
    ("destinationRef", CONNECTORS.kind),
    ("modelRef", MODELS.kind),
    ("connectorRef", CONNECTORS.kind),
)

_MAX_CHAIN: Final = 4
"""A Sync, its Model, their Connector, its Workspace."""

type ObjectId = tuple[str, str, str]
"""Kind, namespace and name."""
type _Key = tuple[str, ...]


@dataclass(slots=True)
class Problem:
    """One cause, and what it affects.

    Attributes:
        reason: one word, as of a condition.
        message: what is wrong and what to do, of the object that is the cause.
        since: since when, the earliest of all that it affects.
        cause: the object that is the cause of the others' trouble; None if each has trouble of its own.
        affected: the objects in trouble, without the cause.
        is_missing: True if nothing is known of the cause but its name.
    """

    reason: str
    message: str
    since: datetime | None
    cause: ObjectId | None = None
    is_missing: bool = False
    affected: list[ObjectId] = field(default_factory=list)

    @property
    def example(self) -> ObjectId:
        """What tells more: the cause, unless it is what is missing."""
        return self.affected[0] if self.cause is None or (self.affected and self.is_missing) else self.cause


class ProblemGroups:
    """Collects the problems of objects; keeps of each object no more than it needs.

    Args:
        now: the present time.
    """

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._own: dict[ObjectId, Condition] = {}
        self._keys: dict[_Key, _Key] = {}
        self.counts: dict[str, int] = {}
        self.suspended = 0

    def add(self, view: ResourceView) -> bool:
        """Add an object; True if something is wrong with it."""
        self.counts[view.kind] = self.counts.get(view.kind, 0) + 1
        if view.kind == SYNCS.kind:
            self.suspended += view.suspended
        fault = self._fault(view)
        if fault is None:
            return False
        identity = (view.kind, view.namespace, view.name)
        self._own[identity] = fault
        self._keys[identity] = self._key(view, fault)
        return True

    def problems(self) -> list[Problem]:
        """The problems, those that affect most first."""
        found: dict[_Key, Problem] = {}
        for identity, condition in self._own.items():
            key = self._resolved(identity)
            problem = found.get(key)
            if problem is None:
                cause = (key[0], key[1], key[2]) if len(key) == len(identity) else None
                said = self._own.get(cause, condition) if cause is not None else condition
                problem = found[key] = Problem(said.reason, said.message, said.since, cause, cause not in self._own)
            if identity != key:
                problem.affected.append(identity)
            if condition.since is not None and (problem.since is None or condition.since < problem.since):
                problem.since = condition.since
        return sorted(found.values(), key=lambda problem: (-len(problem.affected), problem.reason))

    def _fault(self, view: ResourceView) -> Condition | None:
        """The condition that says what is wrong with an object; None if nothing is."""
        if not view.is_seen:
            created = view.created
            if created is None or self._now - created < _GRACE:
                return None
            return Condition("Ready", "Unknown", _NOT_SEEN, _NOT_SEEN_MESSAGE, created, None)
        return next(iter(view.faults), None)

    def _key(self, view: ResourceView, fault: Condition) -> _Key:
        """By what problems are one: the object that causes them (its id), or what they say."""
        if view.kind != WORKSPACES.kind and fault.reason in _SHARED:
            return WORKSPACES.kind, view.namespace, view.workspace
        if fault.reason == Reason.REFERENCE_NOT_READY:
            for name, kind in _REFERENCES:
                referred = view.reference(name)
                if referred is not None and fault.message.startswith(f"spec.{name}"):
                    return kind, view.namespace, referred
        if view.kind != SYNCS.kind:
            return view.kind, view.namespace, view.name
        return view.kind, view.namespace, fault.reason, _VARYING.sub("…", fault.message)

    def _resolved(self, identity: ObjectId) -> _Key:
        """The last in the chain of causes: a Sync waits for a Model, which waits for a Connector."""
        key = self._keys[identity]
        for _ in range(_MAX_CHAIN):
            further = self._keys.get(key)
            if further is None or further == key:
                break
            key = further
        return key
