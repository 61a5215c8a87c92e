"""Reads objects of the operator's kinds as they are in the cluster, whatever stands in them; texts fit on a line."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final

from sync_operator.api.statuses.conditions import ConditionType
from sync_operator.util.bounds import one_line

__all__ = ["Condition", "ResourceView", "age", "read_time"]

MAX_MESSAGE: Final = 2000
_HEALTH: Final = (
    ConditionType.RUNS_HEALTHY,
    ConditionType.FRESH,
    ConditionType.DISCOVERED,
    ConditionType.CONNECTED,
    ConditionType.QUERY_VALID,
    ConditionType.COMPARED,
)
"""Conditions beside Ready that are False when something is wrong."""
_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition."""

    type: str
    status: str
    reason: str
    message: str
    since: datetime | None
    generation: int | None


class ResourceView:
    """One object; fields that are missing or of the wrong type are empty.

    Args:
        obj: as the API server returned it.
    """

    def __init__(self, obj: Mapping[str, Any]) -> None:
        self.obj = obj
        self.kind = str(obj.get("kind") or "")
        self.metadata = _mapping(obj.get("metadata"))
        self.spec = _mapping(obj.get("spec"))
        self.status = _mapping(obj.get("status"))

    @property
    def name(self) -> str:
        """``metadata.name``."""
        return str(self.metadata.get("name") or "")

    @property
    def namespace(self) -> str:
        """``metadata.namespace``."""
        return str(self.metadata.get("namespace") or "")

    @property
    def annotations(self) -> Mapping[str, Any]:
        """``metadata.annotations``."""
        return _mapping(self.metadata.get("annotations"))

    @property
    def workspace(self) -> str:
        """Name of its Workspace."""
        return str(_mapping(self.spec.get("workspaceRef")).get("name") or "default")

    @property
    def created(self) -> datetime | None:
        """``metadata.creationTimestamp``."""
        return read_time(self.metadata.get("creationTimestamp"))

    @property
    def suspended(self) -> bool:
        """``spec.suspend``."""
        return self.spec.get("suspend") is True

    @property
    def is_seen(self) -> bool:
        """False if no operator has looked at it yet."""
        generation = self.status.get("observedGeneration")
        return isinstance(generation, int) and generation >= 0

    @property
    def is_current(self) -> bool:
        """True if the status speaks of the spec as it is."""
        return self.status.get("observedGeneration") == self.metadata.get("generation")

    @cached_property
    def conditions(self) -> dict[str, Condition]:
        """Its conditions by type."""
        listed = self.status.get("conditions")
        return {
            str(entry.get("type")): Condition(
                str(entry.get("type")),
                str(entry.get("status")),
                one_line(str(entry.get("reason") or "")),
                one_line(str(entry.get("message") or ""), MAX_MESSAGE),
                read_time(entry.get("lastTransitionTime")),
                entry.get("observedGeneration"),
            )
            for entry in (listed if isinstance(listed, list) else ())
            if isinstance(entry, dict)
        }

    def is_true(self, kind: str) -> bool:
        """True if it has this condition, and it is true."""
        found = self.conditions.get(kind)
        return found is not None and found.status == "True"

    @property
    def faults(self) -> tuple[Condition, ...]:
        """The conditions that say that something is wrong: Ready if that is one of them, else all others."""
        ready = self.conditions.get(ConditionType.READY)
        if ready is not None and ready.status == "False":
            return (ready,)
        found = (self.conditions.get(kind) for kind in _HEALTH)
        return tuple(entry for entry in found if entry is not None and entry.status == "False")

    def reference(self, field: str) -> str | None:
        """Name of the Connector or Model that a reference names; None if it names no resource of the cluster."""
        name = _mapping(self.spec.get(field)).get("name")
        return name if isinstance(name, str) else None

    @property
    def last_run(self) -> Mapping[str, Any]:
        """``status.lastRun``."""
        return _mapping(self.status.get("lastRun"))

    @property
    def recent_runs(self) -> tuple[Mapping[str, Any], ...]:
        """``status.recentRuns``, newest first."""
        return tuple(_mappings(self.status.get("recentRuns")))

    @property
    def next_run(self) -> datetime | None:
        """The next scheduled run."""
        listed = self.status.get("nextRuns")
        return read_time(listed[0]) if isinstance(listed, list) and listed else None


def read_time(value: object) -> datetime | None:
    """A time of the API; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def age(duration: timedelta) -> str:
    """A duration with its largest unit, and the next one while that is below ten: ``3m``, ``1h20m``, ``5d``."""
    left = max(int(duration.total_seconds()), 0)
    for index, (seconds, unit) in enumerate(_UNITS):
        if left < seconds and index < len(_UNITS) - 1:
            continue
        count, rest = divmod(left, seconds)
        if count < 10 and index < len(_UNITS) - 1:  # noqa: PLR2004 (as the docstring says)
            below, name = _UNITS[index + 1]
            return f"{count}{unit}{rest // below}{name}" if rest // below else f"{count}{unit}"
        return f"{count}{unit}"
    return "0s"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _mappings(value: object) -> Iterable[Mapping[str, Any]]:
    return (entry for entry in value if isinstance(entry, dict)) if isinstance(value, list) else ()
