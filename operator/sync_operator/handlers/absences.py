"""Which registered syncs the server's lists lack: one list is not enough, and many at once are no deletion of each."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sync_operator.decide.picture import MassAbsence
from sync_operator.handlers.cache import Ref

__all__ = ["Absences"]

_FEW: Final = 5
"""So many syncs may be missing of any Workspace."""
_SHARE: Final = 5
"""One in so many may be missing of a large one."""


@dataclass(slots=True)
class _Compared:
    """The last comparison of one Workspace's Syncs with a list.

    Attributes:
        at: when the list was asked for.
        known: how many of its Syncs are registered.
        since: for each id that it lacks, when the first list was asked for of those in a row that lack it.
        accepted: the user's word that what is missing is to be made anew.
    """

    at: datetime | None = None
    known: int = 0
    since: dict[str, datetime] = field(default_factory=dict)
    accepted: str = ""

    @property
    def mass(self) -> MassAbsence | None:
        missing = len(self.since)
        many = missing > _FEW and missing * _SHARE > self.known
        return MassAbsence(missing, self.known) if many else None


class Absences:
    """By Workspace, what the last lists lacked. A new process begins with none, and waits for two lists of its own.

    Args:
        period: how far two lists must be apart that both lack a sync which is then taken to be deleted.
    """

    def __init__(self, period: timedelta) -> None:
        self._period = period
        self._compared: dict[Ref, _Compared] = {}

    def compared(self, home: Ref, known: Collection[str], absent: Iterable[str], at: datetime) -> bool:
        """Note a whole list; True when it changes what the Workspace has to say.

        Args:
            home: the Workspace.
            known: ids of its registered Syncs.
            absent: those of them that the list lacks.
            at: when it was asked for.
        """
        held = self._compared.setdefault(home, _Compared())
        before = held.mass, held.at is None
        held.since = {sync_id: held.since.get(sync_id, at) for sync_id in absent}
        held.at, held.known = at, len(known)
        return before != (held.mass, False)

    def missing(self, home: Ref, sync_id: str) -> bool:
        """True when all lists of at least a period lacked that sync."""
        held = self._compared.get(home)
        if held is None or held.at is None or sync_id not in held.since:
            return False
        return held.at - held.since[sync_id] >= self._period

    def compared_at(self, home: Ref) -> datetime | None:
        """When the last list was asked for that was compared; None when none was yet."""
        held = self._compared.get(home)
        return held.at if held is not None else None

    def mass(self, home: Ref) -> MassAbsence | None:
        """So many syncs are missing at once that nothing is made anew; None when they are few, or it was accepted."""
        held = self._compared.get(home)
        return held.mass if held is not None and not held.accepted else None

    def accept(self, home: Ref, word: str) -> tuple[bool, bool]:
        """Hear the user's last word on what is missing, empty where all were heard before.

        Returns:
            Whether this changes what may be made anew; and whether the word is used up, as nothing it is for is left.
        """
        held = self._compared.setdefault(home, _Compared())
        before = self.mass(home)
        used = bool(word) and held.at is not None and held.mass is None
        held.accepted = "" if used else word
        return before != self.mass(home), used

    def forget(self, home: Ref) -> None:
        """The Workspace is gone."""
        self._compared.pop(home, None)
