"""The plan as text."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND, SYNC_KIND
from sync_operator.commands.plan.dry_run import PlanAction, PlannedChange
from sync_operator.commands.plan.output.planned import Planned, hides_secrets, notes_of
from sync_operator.commands.plan.pruning import Deletion, Pruned, WorkspaceDeletion
from sync_operator.commands.terminal import Style, fitted_table, wrapped

__all__ = ["as_text"]

MAX_NAMES: Final = 10
"""Maximum number of resources that are named in one line."""
_CLUSTER: Final = "cluster"
_PRUNED: Final = "delete"
_WAITING: Final = "waiting"
_NOT_LOOKED_AT: Final = (
    "not looked at: what changes in the cluster alone (schedule, time zone, suspend, policies, run settings); pass "
    "--live FILE, which `kubectl get connectors,models,syncs,workspaces -A -o yaml` writes"
)
_NOT_COMPARED: Final = (
    "not compared: the secrets of {names}, of which no server tells; whether one has changed since it was sent is "
    "known with --live and the Secret in the input"
)
_NOUNS: Final = {CONNECTOR_KIND: "connector", MODEL_KIND: "model", SYNC_KIND: "sync"}
_ACTION_TEXT: Final = {
    PlanAction.CREATE: "a {noun} is created",
    PlanAction.UPDATE: "{noun} {id} is updated",
    PlanAction.ADOPT: "{noun} {id} is taken over",
    PlanAction.RECREATE: "its {noun} was deleted on the server, and is created again",
    PlanAction.NOTHING: "nothing to do, {noun} {id} is up to date",
    PlanAction.BLOCKED: "cannot be done",
}


def as_text(planned: Sequence[Planned], style: Style, pruned: Pruned) -> Iterator[str]:
    """The plan as text. An error of a server is reported once, not for each of its resources."""
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
        noun, remote_id = _NOUNS[each.candidate.kind], planned_change.remote_id
        said = _ACTION_TEXT[planned_change.action].format(noun=noun, id=remote_id)
        unchanged = " unchanged" if planned_change.action is PlanAction.ADOPT and not planned_change.changes else ""
        if planned_change.action is PlanAction.NOTHING and each.cluster:
            said = style.yellow(f"changes in the cluster; {noun} {remote_id} stays as it is on the server")
        else:
            where = " on the server" if planned_change.action is PlanAction.NOTHING and each.cluster is None else ""
            said = _paint(planned_change.action, style)(said.replace("nothing to do", f"nothing to do{where}", 1))
        yield f"{head} {said}{unchanged}"
        yield from _changes(planned_change, style)
        if each.cluster:
            rows = [(f"  {change.path}", change.old, change.new) for change in each.cluster]
            yield from fitted_table(("  FIELD", "IN THE CLUSTER", "WRITTEN"), rows, style)
        for note in notes_of(each):
            yield wrapped(f"  - {note}", style, indent="    ")
    for gone in pruned.resources:
        yield f"{style.bold(f'{gone.manifest.subject}:')} {style.red(_pruned(gone))}"
        if gone.blocker:
            yield wrapped(f"  - {gone.blocker}", style, indent="    ")
    for left in pruned.workspaces:
        yield f"{style.bold(f'{left.manifest.subject}:')} {style.red(_pruned_workspace(left))}"
    if any(each.planned_change and each.cluster is None and not each.read_error for each in planned):
        yield wrapped(_NOT_LOOKED_AT, style, indent="  ")
    hidden = [each.candidate.checked.manifest.subject for each in planned if hides_secrets(each)]
    if hidden:
        yield wrapped(_NOT_COMPARED.format(names=_listed(hidden)), style, indent="  ")
    yield _count(planned, pruned)


def _pruned(gone: Deletion) -> str:
    if gone.remote_id is None:
        return f"is deleted; it has no {gone.noun} on the server"
    if gone.blocker:
        return f"waits before it is deleted, as does {gone.noun} {gone.remote_id} on the server"
    if gone.deletes_remote:
        return f"is deleted, and with it {gone.noun} {gone.remote_id} on the server"
    return f"is deleted; {gone.noun} {gone.remote_id} stays on the server"


def _pruned_workspace(gone: WorkspaceDeletion) -> str:
    if not gone.users:
        return "is deleted; nothing on the server goes with it"
    names = _listed([manifest.subject for manifest in gone.users])
    stay = "1 resource of the input refers" if len(gone.users) == 1 else f"{len(gone.users)} of the input refer"
    return f"is deleted, though {stay} to it ({names}): until it is there again, no change of theirs gets to the server"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:MAX_NAMES]) + (", …" if len(names) > MAX_NAMES else "")


def _changes(planned_change: PlannedChange, style: Style) -> Iterator[str]:
    """A table of the changed values; for what is created, without old values."""
    if not planned_change.changes:
        return
    fresh = planned_change.action in {PlanAction.CREATE, PlanAction.RECREATE}
    head = ("  FIELD", "WRITTEN") if fresh else ("  FIELD", "ON THE SERVER", "WRITTEN")
    rows = [
        (f"  {change.path}", change.new) if fresh else (f"  {change.path}", change.old, change.new)
        for change in planned_change.changes
    ]
    yield from fitted_table(head, rows, style)


def _paint(action: PlanAction, style: Style) -> Callable[[str], str]:
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
    actions += [_WAITING if gone.blocker else _PRUNED for gone in pruned.resources]
    words: dict[PlanAction | str | None, str] = {
        PlanAction.CREATE: "to create",
        PlanAction.UPDATE: "to update",
        PlanAction.ADOPT: "to take over",
        PlanAction.RECREATE: "to create again",
        _CLUSTER: "to change in the cluster",
        _PRUNED: "to delete",
        _WAITING: "whose deletion waits",
        PlanAction.NOTHING: "up to date",
        PlanAction.BLOCKED: "that cannot be done",
        None: "unknown",
    }
    counted = [f"{actions.count(action)} {said}" for action, said in words.items() if action in actions]
    if left := len(pruned.workspaces):
        counted.append(f"{left} Workspace{'s' if left > 1 else ''} to delete")
    return f"plan: {', '.join(counted) or 'nothing in the input'}; nothing was written"
