"""The account of a chaos run: what was done, and what came of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Ledger"]


@dataclass
class Ledger:
    """Counts, filled by the tests and printed when all of them are through.

    Attributes:
        kills: how often the controller was killed, by operation.
        missed: points that an operation did not come to when it was to be killed there.
        faults: what was done to answers, by kind.
        seeds: what chance was made from.
        identity: what was said of syncs that were no longer ours, by disaster.
    """

    kills: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    seeds: list[str] = field(default_factory=list)
    exits: Counter[int] = field(default_factory=Counter)
    identity: Counter[str] = field(default_factory=Counter)

    def plain(self) -> dict[str, Any]:
        """It as dictionaries and lists, to be sent to another process."""
        return {name: dict(value) if isinstance(value, Counter) else value for name, value in vars(self).items()}

    def add(self, other: Mapping[str, Any]) -> None:
        """Take up what another process has counted, as `plain` gives it."""
        for name, value in other.items():
            mine: Counter[Any] | list[str] = getattr(self, name)
            if isinstance(mine, Counter):
                mine.update(value)
            else:
                mine.extend(value)

    def lines(self) -> list[str]:
        """For people; empty when nothing was done."""
        said = [f"servers that were no longer ours: {_listed(self.identity)}"] if self.identity else []
        if not (self.kills or self.faults):
            return said
        return [
            *said,
            f"{self.kills.total()} kills: {_listed(self.kills)}",
            f"{len(self.missed)} points not come to again: {'; '.join(self.missed) or 'none'}",
            f"{self.faults.total()} faults: {_listed(self.faults)}",
            f"controllers that ended by themselves, by exit code: {_listed(self.exits)}",
            f"seeds: {', '.join(self.seeds)}",
        ]


def _listed(counts: Counter[str] | Counter[int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"
