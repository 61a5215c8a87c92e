"""Dry runs of Syncs. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sync_operator.api.constants import CREATE_STARTED_ANNOTATION, FINALIZER
from sync_operator.api.kinds.sync import SyncSpec
from sync_operator.api.statuses.status import SyncStatus
from sync_operator.commands.plan.dry_run import HIDDEN, Effect, PlannedKind
from sync_operator.domain.actions import SetEnabled, TakeOverSync
from sync_operator.domain.registration.field_diff import Change
from sync_operator.domain.registration.json_pointer import value_at
from sync_operator.domain.registration.registration_actions import UpdateRemote
from sync_operator.domain.snapshot import RunnerConfig, Snapshot, SyncView
from sync_operator.domain.sync.sync_kind import SYNC
from sync_operator.domain.workspace_view import WorkspaceView
from sync_operator.syncapi.types import RemoteResource

__all__ = ["PLANNED_SYNC", "filled", "snapshot_of"]

_STATES: Final = ("disabled", "enabled")
_TAKEN_OVER: Final = "the server's own schedule is ended: the sync is disabled, updated, and enabled again"


def snapshot_of(
    spec: SyncSpec, home: tuple[str, str], status: SyncStatus, workspace: WorkspaceView, now: datetime
) -> Snapshot:
    """The snapshot of a Sync that has just been applied and not been reconciled yet."""
    sync = SyncView(
        namespace=home[0],
        name=home[1],
        uid="",
        generation=1,
        resource_version="",
        created_at=now,
        status=status,
        spec=spec,
        finalizers=(FINALIZER,),
        annotations={CREATE_STARTED_ANNOTATION: now.isoformat()},
    )
    return Snapshot(
        now=now,
        kind=SYNC,
        sync=sync,
        workspace=workspace,
        runner_config=RunnerConfig(""),
        create_fresh=True,
        intent_verified=True,
        secrets={},
    )


def filled(spec: SyncSpec, known: Mapping[str, str], remote: RemoteResource | None) -> dict[str, str]:
    """Values of ``configurationSecrets`` by JSON pointer: from Secrets, else from the server, else a placeholder."""
    held = remote.attributes.get("configuration") if remote else None
    values = {}
    for entry in spec.configuration_secrets:
        there = value_at(held, entry.pointer)
        values[entry.pointer] = known.get(entry.pointer) or (there if isinstance(there, str) else HIDDEN)
    return values


def _with_values(snapshot: Snapshot, known: Mapping[str, str], remote: RemoteResource | None) -> Snapshot:
    spec = snapshot.sync.spec
    return replace(snapshot, secrets=filled(spec, known, remote)) if spec is not None else snapshot


def _act(snapshot: Snapshot, action: Any) -> Effect[Snapshot] | None:
    if not isinstance(action, SetEnabled) or snapshot.remote is None:
        return None
    states = _STATES[not action.enabled], _STATES[action.enabled]
    change = Change("status", *states, *states)
    remote = replace(snapshot.remote, status="pending" if action.enabled else "disabled")
    return Effect(replace(snapshot, remote=remote), (change,))


def _updated(snapshot: Snapshot, action: UpdateRemote) -> Effect[Snapshot]:
    if not isinstance(action, TakeOverSync) or snapshot.remote is None:
        return Effect(snapshot)
    return Effect(replace(snapshot, remote=replace(snapshot.remote, status="pending")), notes=(_TAKEN_OVER,))


PLANNED_SYNC: Final = PlannedKind[Snapshot](with_values=_with_values, act=_act, updated=_updated)
