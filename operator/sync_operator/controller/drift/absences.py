"""Which registered syncs the server's lists lack.

One list is not enough to treat a sync as deleted, and many missing at once are not treated as single deletions.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sync_operator.controller.informer.store import NamespacedName
from sync_operator.domain.registration.resource_snapshot import MassAbsence

__all__ = ["Absences"]

_MAX_SINGLE_ABSENCES: Final = 5
"""Up to this many missing syncs of a Workspace are never a mass absence."""
_MASS_DIVISOR: Final = 5
"""In a large Workspace, one in this many may be missing without a mass absence."""


@dataclass(slots=True)
class _LastComparison:
    """The last comparison of one Workspace's Syncs with a list.

    Attributes:
        at: when the list was requested.
        known: number of the Workspace's registered Syncs.
        since: for each missing id, when the first of the consecutive lists that lack it was requested.
        confirmation: the user's confirmation that missing syncs are to be created again; empty if there is none.
    """

    at: datetime | None = None
    known: int = 0
    since: dict[str, datetime] = field(default_factory=dict)
    confirmation: str = ""

    @property
    def mass(self) -> MassAbsence | None:
        missing = len(self.since)
        many = missing > _MAX_SINGLE_ABSENCES and missing * _MASS_DIVISOR > self.known
        return MassAbsence(missing, self.known) if many else None


class Absences:
    """Missing syncs by Workspace. A new process starts without any, and waits for two lists of its own.

    Args:
        period: minimum time between two lists that both lack a sync before it is treated as deleted.
    """

    def __init__(self, period: timedelta) -> None:
        self._period = period
        self._compared: dict[NamespacedName, _LastComparison] = {}

    def record_list(self, home: NamespacedName, known: Collection[str], absent: Iterable[str], at: datetime) -> bool:
        """Record a complete list; True if it changes the Workspace's status.

        Args:
            home: the Workspace.
            known: ids of its registered Syncs.
            absent: those of them that the list lacks.
            at: when the list was requested.
        """
        held = self._compared.setdefault(home, _LastComparison())
        before = held.mass, held.at is None
        held.since = {sync_id: held.since.get(sync_id, at) for sync_id in absent}
        held.at, held.known = at, len(known)
        return before != (held.mass, False)

    def is_missing(self, home: NamespacedName, sync_id: str) -> bool:
        """True if all lists over at least one period lacked that sync."""
        held = self._compared.get(home)
        if held is None or held.at is None or sync_id not in held.since:
            return False
        return held.at - held.since[sync_id] >= self._period

    def compared_at(self, home: NamespacedName) -> datetime | None:
        """When the last compared list was requested; None if there was none yet."""
        held = self._compared.get(home)
        return held.at if held is not None else None

    def mass_absence(self, home: NamespacedName) -> MassAbsence | None:
        """The mass absence for which no sync is created again; None if few are missing, or the user has confirmed."""
        held = self._compared.get(home)
        return held.mass if held is not None and not held.confirmation else None

    def confirm(self, home: NamespacedName, token: str) -> tuple[bool, bool]:
        """Apply the user's confirmation; ``token`` is empty if there is no new one.

        Returns:
            Whether this changes which syncs may be created again; and whether the confirmation is used up, because
            the mass absence is over.
        """
        held = self._compared.setdefault(home, _LastComparison())
        before = self.mass_absence(home)
        used = bool(token) and held.at is not None and held.mass is None
        held.confirmation = "" if used else token
        return before != self.mass_absence(home), used

    def forget(self, home: NamespacedName) -> None:
        """Drop the state of a deleted Workspace."""
        self._compared.pop(home, None)
