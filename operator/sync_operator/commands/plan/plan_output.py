"""Output of `plan`: as text, as JSON, and as exit code."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sync_operator.commands.manifests.manifest_set import Manifest
from sync_operator.commands.plan.cluster_changes import Deletion, WorkspaceDeletion
from sync_operator.commands.plan.dry_run import PlanAction, PlannedChange
from sync_operator.commands.plan.planner import Candidate
from sync_operator.commands.terminal import Style, fitted_table, wrapped
from sync_operator.domain.registration.field_diff import Change

__all__ = ["Planned", "Pruned", "as_json", "as_text", "exit_code"]

_EXIT_CHANGES: Final = 10
MAX_NAMES: Final = 10
"""Maximum number of Syncs that are named in one line."""
_FORMAT: Final = 1
_CLUSTER: Final = "cluster"
_PRUNED: Final = "delete"
_NOT_LOOKED_AT: Final = (
    "not looked at: what changes in the cluster alone (schedule, time zone, suspend, policies, run settings); pass "
    "--live FILE, which `kubectl get syncs,workspaces -A -o yaml` writes"
)
_ACTION_TEXT: Final = {
    PlanAction.CREATE: "a sync is created",
    PlanAction.UPDATE: "sync {id} is updated",
    PlanAction.ADOPT: "sync {id} is taken over",
    PlanAction.RECREATE: "its sync was deleted on the server, and is created again",
    PlanAction.NOTHING: "nothing to do, sync {id} is up to date",
    PlanAction.BLOCKED: "cannot be done",
}


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan for one Sync.

    Attributes:
        candidate: the Sync.
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


@dataclass(frozen=True, slots=True)
class Pruned:
    """Objects that pruning deletes, because the input does not contain them any more."""

    syncs: Sequence[Deletion] = ()
    workspaces: Sequence[WorkspaceDeletion] = ()


def exit_code(planned: Sequence[Planned], pruned: Pruned) -> int:
    """The exit code: 1 if a Sync is blocked or unknown, 10 if the server or the cluster would change, else 0."""
    if any(each.planned_change is None or each.planned_change.action is PlanAction.BLOCKED for each in planned):
        return 1
    changes = any((each.planned_change and each.planned_change.changes_server) or each.cluster for each in planned)
    return _EXIT_CHANGES if changes or pruned.syncs or pruned.workspaces else 0


def as_text(
    planned: Sequence[Planned], style: Style, pruned: Pruned, ignored: Sequence[Manifest] = ()
) -> Iterator[str]:
    """The plan as text. An error of a server is reported once, not for each of its Syncs.

    Args:
        planned: the plan for each Sync.
        style: of the output.
        pruned: what pruning deletes.
        ignored: objects of the input that are applied, and of which nothing is planned.
    """
    reported = set[str]()
    for each in planned:
        manifest = each.candidate.checked.manifest
        head = style.bold(f"{manifest.subject}:")
        if each.planned_change is None:
            reason = "for the same reason" if each.error in reported else each.error
            reported.add(each.error)
            said = wrapped(f"{manifest.subject}: unknown; {reason}", style, indent="  ")
            yield said.replace(f"{manifest.subject}: unknown", f"{head} {style.red('unknown')}", 1)
            continue
        planned_change = each.planned_change
        said = _ACTION_TEXT[planned_change.action].format(id=planned_change.sync_id)
        unchanged = " unchanged" if planned_change.action is PlanAction.ADOPT and not planned_change.changes else ""
        if planned_change.action is PlanAction.NOTHING and each.cluster:
            said = style.yellow(f"changes in the cluster; sync {planned_change.sync_id} stays as it is on the server")
        else:
            where = " on the server" if planned_change.action is PlanAction.NOTHING and each.cluster is None else ""
            said = _paint(planned_change.action, style)(said.replace("nothing to do", f"nothing to do{where}", 1))
        yield f"{head} {said}{unchanged}"
        yield from _changes(planned_change, style)
        if each.cluster:
            rows = [(f"  {change.path}", change.old, change.new) for change in each.cluster]
            yield from fitted_table(("  FIELD", "IN THE CLUSTER", "WRITTEN"), rows, style)
        for note in _notes(each, planned_change):
            yield wrapped(f"  - {note}", style, indent="    ")
    for gone in pruned.syncs:
        yield f"{style.bold(f'{gone.manifest.subject}:')} {style.red(_pruned(gone))}"
    for left in pruned.workspaces:
        yield f"{style.bold(f'{left.manifest.subject}:')} {style.red(_pruned_workspace(left))}"
    if any(each.planned_change and each.cluster is None and not each.read_error for each in planned):
        yield wrapped(_NOT_LOOKED_AT, style, indent="  ")
    if ignored:
        names = ", ".join(manifest.subject for manifest in ignored[:MAX_NAMES])
        more = ", …" if len(ignored) > MAX_NAMES else ""
        yield wrapped(f"not looked at: {names}{more}; only Syncs are compared with their server", style, indent="  ")
    yield _count(planned, pruned)


def _notes(each: Planned, planned_change: PlannedChange) -> tuple[str, ...]:
    read_error = (f"what changes in the cluster alone is not known: {each.read_error}",) if each.read_error else ()
    return (*planned_change.notes, *read_error)


def _pruned(gone: Deletion) -> str:
    if gone.sync_id is None:
        return "is deleted; it has no sync on the server"
    if gone.deletes_server_sync:
        return f"is deleted, and with it sync {gone.sync_id} on the server"
    return f"is deleted; sync {gone.sync_id} stays on the server"


def _pruned_workspace(gone: WorkspaceDeletion) -> str:
    if not gone.users:
        return "is deleted; nothing on the server goes with it"
    names = ", ".join(gone.users[:MAX_NAMES]) + (", …" if len(gone.users) > MAX_NAMES else "")
    stay = "1 Sync of the input refers" if len(gone.users) == 1 else f"{len(gone.users)} Syncs of the input refer"
    return f"is deleted, though {stay} to it ({names}): until it is there again, no change of theirs gets to the server"


def as_json(planned: Sequence[Planned], pruned: Pruned, ignored: Sequence[Manifest] = ()) -> str:
    """The plan as JSON, as described in `docs/tools.md`; within one format version, fields are only added."""
    document = {
        "formatVersion": _FORMAT,
        "changes": exit_code(planned, pruned) == _EXIT_CHANGES,
        "syncs": [*(_json(each) for each in planned), *(_pruned_json(gone) for gone in pruned.syncs)],
        "workspaces": [
            _source_position(gone.manifest) | {"action": _PRUNED, "usedBy": gone.users} for gone in pruned.workspaces
        ],
        "notCompared": [{"kind": manifest.kind} | _source_position(manifest) for manifest in ignored],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _changes(planned_change: PlannedChange, style: Style) -> Iterator[str]:
    """A table of the changed values; for a sync that is created, without old values."""
    if not planned_change.changes:
        return
    fresh = planned_change.action in {PlanAction.CREATE, PlanAction.RECREATE}
    head = ("  FIELD", "WRITTEN") if fresh else ("  FIELD", "ON THE SERVER", "WRITTEN")
    rows = [
        (f"  {change.path}", change.new) if fresh else (f"  {change.path}", change.old, change.new)
        for change in planned_change.changes
    ]
    yield from fitted_table(head, rows, style)


def _paint(action: PlanAction, style: Style) -> Any:
    match action:
        case PlanAction.CREATE | PlanAction.RECREATE:
            return style.green
        case PlanAction.UPDATE | PlanAction.ADOPT:
            return style.yellow
        case PlanAction.BLOCKED:
            return style.red
        case PlanAction.NOTHING:
            return str


def _count(planned: Sequence[Planned], pruned: Pruned) -> str:
    actions: list[PlanAction | str | None] = [
        (_CLUSTER if each.cluster and each.planned_change.action is PlanAction.NOTHING else each.planned_change.action)
        if each.planned_change
        else None
        for each in planned
    ]
    actions += [_PRUNED] * len(pruned.syncs)
    words: dict[PlanAction | str | None, str] = {
        PlanAction.CREATE: "to create",
        PlanAction.UPDATE: "to update",
        PlanAction.ADOPT: "to take over",
        PlanAction.RECREATE: "to create again",
        _CLUSTER: "to change in the cluster",
        _PRUNED: "to delete",
        PlanAction.NOTHING: "up to date",
        PlanAction.BLOCKED: "that cannot be done",
        None: "unknown",
    }
    counted = [f"{actions.count(action)} {said}" for action, said in words.items() if action in actions]
    if left := len(pruned.workspaces):
        counted.append(f"{left} Workspace{'s' if left > 1 else ''} to delete")
    return f"plan: {', '.join(counted) or 'no Sync in the input'}; nothing was written"


def _source_position(manifest: Manifest) -> dict[str, Any]:
    return {
        "namespace": manifest.namespace,
        "name": manifest.name,
        "file": manifest.source.name,
        "line": manifest.line,
    }


def _json(each: Planned) -> dict[str, Any]:
    planned_change = each.planned_change
    entry: dict[str, Any] = _source_position(each.candidate.checked.manifest) | {
        "action": planned_change.action.value if planned_change else "unknown",
        "id": planned_change.sync_id if planned_change else None,
    }
    if planned_change is None:
        return entry | {"error": each.error}
    return entry | {
        "changes": _changes_json(planned_change.changes),
        "clusterChanges": _changes_json(each.cluster or ()),
        "clusterCompared": each.cluster is not None,
        "notes": list(_notes(each, planned_change)),
    }


def _changes_json(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """The changes; an absent old or new value has no key."""
    return [
        {"field": change.path}
        | {name: value for name, value in (("old", change.old_value), ("new", change.new_value)) if value is not None}
        for change in changes
    ]


def _pruned_json(gone: Deletion) -> dict[str, Any]:
    entry = {"action": _PRUNED, "id": gone.sync_id, "deletedOnServer": gone.deletes_server_sync}
    return _source_position(gone.manifest) | entry
