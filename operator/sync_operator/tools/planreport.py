"""What `plan` found out: for people and for programs, and the exit code."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sync_operator.decide.diff import Change
from sync_operator.tools.clusterside import Deletion
from sync_operator.tools.foresee import Deed, Foresight
from sync_operator.tools.planning import Candidate
from sync_operator.tools.terminal import Style, fitted_table, wrapped

__all__ = ["Planned", "as_json", "as_text", "verdict"]

_CHANGES: Final = 10
_FORMAT: Final = 1
_CLUSTER: Final = "cluster"
_PRUNED: Final = "delete"
_SAID: Final = {
    Deed.CREATE: "a sync is created",
    Deed.UPDATE: "sync {id} is updated",
    Deed.ADOPT: "sync {id} is taken over",
    Deed.RECREATE: "its sync was deleted on the server, and is created anew",
    Deed.NOTHING: "nothing to do, sync {id} is as wanted",
    Deed.BLOCKED: "cannot be done",
}


@dataclass(frozen=True, slots=True)
class Planned:
    """One Sync and what applying it would do; no foresight, but an error, where its server could not be asked."""

    candidate: Candidate
    foresight: Foresight | None
    error: str = ""
    cluster: tuple[Change, ...] = ()


def verdict(planned: Sequence[Planned], pruned: Sequence[Deletion] = ()) -> int:
    """The exit code: 1 when something would go wrong, 10 when server or cluster would change, else 0."""
    if any(each.foresight is None or each.foresight.deed is Deed.BLOCKED for each in planned):
        return 1
    changes = any((each.foresight and each.foresight.changes_server) or each.cluster for each in planned)
    return _CHANGES if changes or pruned else 0


def as_text(planned: Sequence[Planned], style: Style, pruned: Sequence[Deletion] = ()) -> Iterator[str]:
    """For people. What is wrong with a server is told once, not for each of its Syncs."""
    told = set[str]()
    for each in planned:
        manifest = each.candidate.checked.manifest
        head = style.bold(f"{manifest.subject}:")
        if each.foresight is None:
            reason = "for the same reason" if each.error in told else each.error
            told.add(each.error)
            said = wrapped(f"{manifest.subject}: unknown; {reason}", style, indent="  ")
            yield said.replace(f"{manifest.subject}: unknown", f"{head} {style.red('unknown')}", 1)
            continue
        foresight = each.foresight
        said = _SAID[foresight.deed].format(id=foresight.sync_id)
        unchanged = ", and is as wanted already" if foresight.deed is Deed.ADOPT and not foresight.changes else ""
        if foresight.deed is Deed.NOTHING and each.cluster:
            said = style.yellow(f"changes in the cluster; sync {foresight.sync_id} stays as it is on the server")
        else:
            said = _paint(foresight.deed, style)(said)
        yield f"{head} {said}{unchanged}"
        yield from _changes(foresight, style)
        if each.cluster:
            rows = [(f"  {change.place}", change.old, change.new) for change in each.cluster]
            yield from fitted_table(("  FIELD", "IN THE CLUSTER", "WRITTEN"), rows, style)
        for note in foresight.notes:
            yield wrapped(f"  - {note}", style, indent="    ")
    for gone in pruned:
        yield f"{style.bold(f'{gone.manifest.subject}:')} {style.red(_pruned(gone))}"
    yield _count(planned, pruned)


def _pruned(gone: Deletion) -> str:
    if gone.sync_id is None:
        return "is deleted; it has no sync on the server"
    if gone.is_deleted_there:
        return f"is deleted, and with it sync {gone.sync_id} on the server"
    return f"is deleted; sync {gone.sync_id} stays on the server"


def as_json(planned: Sequence[Planned], pruned: Sequence[Deletion] = ()) -> str:
    """For programs: one object, as `docs/tools.md` describes it; of one version, its shape only ever grows."""
    told = {
        "formatVersion": _FORMAT,
        "changes": verdict(planned, pruned) == _CHANGES,
        "syncs": [*(_json(each) for each in planned), *(_pruned_json(gone) for gone in pruned)],
    }
    return json.dumps(told, indent=2, ensure_ascii=False)


def _changes(foresight: Foresight, style: Style) -> Iterator[str]:
    """A table of values; of a sync that is made there are no old ones."""
    if not foresight.changes:
        return
    fresh = foresight.deed in {Deed.CREATE, Deed.RECREATE}
    head = ("  FIELD", "WRITTEN") if fresh else ("  FIELD", "ON THE SERVER", "WRITTEN")
    rows = [
        (f"  {change.place}", change.new) if fresh else (f"  {change.place}", change.old, change.new)
        for change in foresight.changes
    ]
    yield from fitted_table(head, rows, style)


def _paint(deed: Deed, style: Style) -> Any:
    match deed:
        case Deed.CREATE | Deed.RECREATE:
            return style.green
        case Deed.UPDATE | Deed.ADOPT:
            return style.yellow
        case Deed.BLOCKED:
            return style.red
        case Deed.NOTHING:
            return str


def _count(planned: Sequence[Planned], pruned: Sequence[Deletion]) -> str:
    deeds: list[Deed | str | None] = [
        (_CLUSTER if each.cluster and each.foresight.deed is Deed.NOTHING else each.foresight.deed)
        if each.foresight
        else None
        for each in planned
    ]
    deeds += [_PRUNED] * len(pruned)
    words: dict[Deed | str | None, str] = {
        Deed.CREATE: "to create",
        Deed.UPDATE: "to update",
        Deed.ADOPT: "to take over",
        Deed.RECREATE: "to create anew",
        _CLUSTER: "to change in the cluster",
        _PRUNED: "to delete",
        Deed.NOTHING: "as wanted",
        Deed.BLOCKED: "that cannot be done",
        None: "unknown",
    }
    counted = [f"{deeds.count(deed)} {said}" for deed, said in words.items() if deed in deeds]
    return f"plan: {', '.join(counted) or 'no Sync in the input'}; nothing was written"


def _json(each: Planned) -> dict[str, Any]:
    manifest, foresight = each.candidate.checked.manifest, each.foresight
    told: dict[str, Any] = {
        "namespace": manifest.namespace,
        "name": manifest.name,
        "file": manifest.source.name,
        "line": manifest.line,
        "action": foresight.deed.value if foresight else "unknown",
        "id": foresight.sync_id if foresight else None,
    }
    if foresight is None:
        return told | {"error": each.error}
    changes = {"changes": _changes_json(foresight.changes), "clusterChanges": _changes_json(each.cluster)}
    return told | changes | {"notes": list(foresight.notes)}


def _changes_json(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """What is absent has no entry of its name."""
    return [
        {"field": change.place}
        | {name: value for name, value in (("old", change.old_value), ("new", change.new_value)) if value is not None}
        for change in changes
    ]


def _pruned_json(gone: Deletion) -> dict[str, Any]:
    manifest = gone.manifest
    return {
        "namespace": manifest.namespace,
        "name": manifest.name,
        "file": manifest.source.name,
        "line": manifest.line,
        "action": "delete",
        "id": gone.sync_id,
        "deletedOnServer": gone.is_deleted_there,
    }
