"""What the output of a plan is made of, and its exit code."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sync_operator.commands.plan.dry_run import PlanAction, PlannedChange
from sync_operator.commands.plan.plan_input import Candidate
from sync_operator.commands.plan.pruning import Pruned
from sync_operator.domain.registration.field_diff import Change

__all__ = ["EXIT_CHANGES", "Planned", "exit_code", "hides_secrets", "notes_of"]

EXIT_CHANGES: Final = 10


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan for one Connector, Model or Sync.

    Attributes:
        candidate: the resource.
        planned_change: what applying it would do on the server; None if the server could not be read.
        error: why the server could not be read.
        cluster: changes in the cluster alone; None if unknown.
        read_error: why they are unknown although the live object was given.
    """

    candidate: Candidate
    planned_change: PlannedChange | None
    error: str = ""
    cluster: tuple[Change, ...] | None = None
    read_error: str = ""


def notes_of(each: Planned) -> tuple[str, ...]:
    """Remarks for the user."""
    notes = each.planned_change.notes if each.planned_change is not None else ()
    read_error = (f"what changes in the cluster alone is not known: {each.read_error}",) if each.read_error else ()
    return (*notes, *read_error)


def hides_secrets(each: Planned) -> bool:
    """True for a Connector of which nobody knows whether a secret has changed since it was sent."""
    return each.planned_change is not None and each.planned_change.hides_secrets


def exit_code(planned: Sequence[Planned], pruned: Pruned) -> int:
    """The exit code: 1 if anything is blocked or unknown, 10 if the server or the cluster would change, else 0."""
    blocked = (each.planned_change is None or each.planned_change.action is PlanAction.BLOCKED for each in planned)
    if any(blocked) or any(gone.blocker for gone in pruned.resources):
        return 1
    changes = any((each.planned_change and each.planned_change.changes_server) or each.cluster for each in planned)
    return EXIT_CHANGES if changes or pruned.resources or pruned.workspaces else 0
