"""The plan as JSON."""

import json
from collections.abc import Sequence
from typing import Any, Final

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND, SYNC_KIND
from sync_operator.commands.manifests.manifest_set import Manifest
from sync_operator.commands.plan.output.planned import EXIT_CHANGES, Planned, exit_code, hides_secrets, notes_of
from sync_operator.commands.plan.pruning import Deletion, Pruned
from sync_operator.domain.registration.field_diff import Change

__all__ = ["as_json"]

_FORMAT: Final = 1
_PRUNED: Final = "delete"
_LISTS: Final = {CONNECTOR_KIND: "connectors", MODEL_KIND: "models", SYNC_KIND: "syncs"}


def as_json(planned: Sequence[Planned], pruned: Pruned) -> str:
    """The plan as JSON, as described in `docs/tools.md`; within one format version, fields are only added."""
    lists: dict[str, list[dict[str, Any]]] = {name: [] for name in _LISTS.values()}
    for each in planned:
        lists[_LISTS[each.candidate.kind]].append(_json(each))
    for gone in pruned.resources:
        lists[_LISTS[gone.manifest.kind]].append(_pruned_json(gone))
    document = {
        "formatVersion": _FORMAT,
        "changes": exit_code(planned, pruned) == EXIT_CHANGES,
        **lists,
        "workspaces": [
            _source_position(gone.manifest) | {"action": _PRUNED, "usedBy": [user.name for user in gone.users]}
            for gone in pruned.workspaces
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


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
        "id": planned_change.remote_id if planned_change else None,
    }
    if planned_change is None:
        return entry | {"error": each.error}
    secrets = {"secretsCompared": not hides_secrets(each)} if each.candidate.kind == CONNECTOR_KIND else {}
    return entry | {
        "changes": _changes_json(planned_change.changes),
        "clusterChanges": _changes_json(each.cluster or ()),
        "clusterCompared": each.cluster is not None,
        **secrets,
        "notes": list(notes_of(each)),
    }


def _changes_json(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """The changes; an absent old or new value has no key."""
    return [
        {"field": change.path}
        | {name: value for name, value in (("old", change.old_value), ("new", change.new_value)) if value is not None}
        for change in changes
    ]


def _pruned_json(gone: Deletion) -> dict[str, Any]:
    entry = {"action": _PRUNED, "id": gone.remote_id, "deletedOnServer": gone.deletes_remote}
    return _source_position(gone.manifest) | entry | ({"waitsFor": gone.blocker} if gone.blocker else {})
