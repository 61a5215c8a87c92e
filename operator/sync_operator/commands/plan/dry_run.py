"""Dry run of one Sync: follows the controller's own decisions without carrying them out on the server. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sync_operator.api.constants import CREATE_STARTED_ANNOTATION, FINALIZER
from sync_operator.api.enums import DriftPolicy
from sync_operator.api.kinds.sync import SyncSpec
from sync_operator.api.statuses.status import SyncStatus
from sync_operator.domain.actions import Action, SetEnabled, TakeOverSync
from sync_operator.domain.blocker import Phase
from sync_operator.domain.registration.desired_state import drifted_fields
from sync_operator.domain.registration.field_diff import Change
from sync_operator.domain.registration.json_pointer import value_at
from sync_operator.domain.registration.preconditions import registration_blocker
from sync_operator.domain.registration.registration_actions import (
    AdoptCreated,
    CreateRemote,
    ForgetRemote,
    ListRemotes,
    LookForEqual,
    ReadRemote,
    UpdateRemote,
    VerifyWorkspace,
)
from sync_operator.domain.registration.registration_step import registration_step
from sync_operator.domain.snapshot import RunnerConfig, Snapshot, SyncView
from sync_operator.domain.status.error_classification import classify_error, no_such_remote
from sync_operator.domain.sync.sync_fields import SYNC_FIELDS
from sync_operator.domain.sync.sync_kind import SYNC
from sync_operator.domain.workspace_view import WorkspaceView
from sync_operator.syncapi.types import RemoteList, RemoteSync

__all__ = ["PlanAction", "PlannedChange", "dry_run", "filled", "snapshot_of"]

_HIDDEN: Final = "(hidden)"
_STATES: Final = ("disabled", "enabled")
_MAX_STEPS: Final = 20
"""Maximum number of actions for one Sync: more than any registration needs."""
_AFTER_TWO_LISTS: Final = "it is created again once it is missing from two lists of the workspace, one period apart"
_FOUND: Final = "sync {id} equals it and belongs to no Sync: it is adopted instead of creating a new one"


class PlanAction(StrEnum):
    """What applying a Sync does to the server's sync."""

    CREATE = "create"
    UPDATE = "update"
    ADOPT = "adopt"
    RECREATE = "recreate"
    NOTHING = "nothing"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """What applying one Sync would do on the server.

    Attributes:
        action: the kind of change.
        sync_id: id of the server's sync; None if it is to be created.
        changes: the written values that differ from those on the server.
        notes: further remarks for the user.
    """

    action: PlanAction
    sync_id: str | None = None
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def changes_server(self) -> bool:
        """True if applying writes to the server; adopting a sync that needs no change does not."""
        return self.action in {PlanAction.CREATE, PlanAction.UPDATE, PlanAction.RECREATE} or bool(self.changes)


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


def dry_run(
    snapshot: Snapshot, known: Mapping[str, str], syncs: Mapping[str, RemoteSync], equal: tuple[RemoteSync, ...] = ()
) -> PlannedChange:
    """Follow the controller's decisions; the server's list stands in for its responses.

    Args:
        snapshot: a snapshot from `snapshot_of`.
        known: values from Secrets by JSON pointer; missing ones are assumed to equal those on the server.
        syncs: the server's syncs by id.
        equal: those of them that equal the spec and belong to no Sync.
    """
    return _DryRun(snapshot, known, syncs, equal).outcome()


def filled(spec: SyncSpec, known: Mapping[str, str], remote: RemoteSync | None) -> dict[str, str]:
    """Values of ``configurationSecrets`` by JSON pointer: from Secrets, else from the server, else a placeholder."""
    held = remote.attributes.get("configuration") if remote else None
    values = {}
    for entry in spec.configuration_secrets:
        there = value_at(held, entry.pointer)
        values[entry.pointer] = known.get(entry.pointer) or (there if isinstance(there, str) else _HIDDEN)
    return values


class _DryRun:
    """State of one Sync's dry run."""

    def __init__(
        self,
        snapshot: Snapshot,
        known: Mapping[str, str],
        syncs: Mapping[str, RemoteSync],
        equal: tuple[RemoteSync, ...],
    ) -> None:
        assert snapshot.sync.spec is not None  # noqa: S101 (only valid specs get a dry run)
        self._spec = snapshot.sync.spec
        self._adopts = snapshot.sync.status.id is None and self._spec.external_id is not None
        self._known = known
        self._syncs = syncs
        self._equal = equal
        self._snapshot = replace(snapshot, secrets=filled(self._spec, known, None))
        self._changes: tuple[Change, ...] = ()
        self._notes: tuple[str, ...] = ()

    def outcome(self) -> PlannedChange:
        for _ in range(_MAX_STEPS):
            action = registration_step(self._snapshot)
            if action is None:
                return self._ended()
            if isinstance(action, CreateRemote):
                return self._created(action.body)
            self._snapshot = self._after(action)
        raise AssertionError("a registration that does not end")

    def _ended(self) -> PlannedChange:
        blocker = registration_blocker(self._snapshot)
        if blocker is not None:
            return PlannedChange(
                PlanAction.BLOCKED, self._snapshot.remote_id, notes=(f"{blocker.reason}: {blocker.message}",)
            )
        action = PlanAction.ADOPT if self._adopts else PlanAction.UPDATE if self._changes else PlanAction.NOTHING
        if action is PlanAction.UPDATE and self._spec.drift_policy is not DriftPolicy.CORRECT:
            policy = self._spec.drift_policy.value
            self._notes += (
                f"driftPolicy {policy}: this is only written when the spec has changed since the last apply",
            )
        return PlannedChange(action, self._snapshot.remote_id, self._changes, self._notes)

    def _after(self, action: Action) -> Snapshot:
        snapshot, remote = self._snapshot, self._snapshot.remote
        match action:
            case ReadRemote(remote_id=sync_id):
                return self._read(sync_id)
            case VerifyWorkspace():
                return replace(snapshot, workspace_verified=True)
            case ForgetRemote():
                return self._forgotten()
            case LookForEqual():
                return replace(snapshot, adoptable=bool(self._equal))
            case ListRemotes() if snapshot.adoptable:
                secrets = filled(self._spec, self._known, self._equal[0])
                return replace(snapshot, listing=RemoteList(self._equal), listed_at=snapshot.now, secrets=secrets)
            case ListRemotes():
                return replace(snapshot, listing=RemoteList(tuple(self._syncs.values())), listed_at=snapshot.now)
            case AdoptCreated(remote=taken, others=others):
                self._adopts = True
                self._notes += (_FOUND.format(id=taken.id),)
                return replace(snapshot, remote=taken, was_read=True, adopted=action.adopted, others=others)
            case UpdateRemote() if remote is not None:
                return self._updated(action, remote)
            case SetEnabled(enabled=enabled) if remote is not None:
                self._changes += (Change("status", _STATES[not enabled], _STATES[enabled]),)
                return replace(snapshot, remote=replace(remote, status="pending" if enabled else "disabled"))
            case _:
                raise AssertionError(f"{type(action).__name__} is not a step of a registration that has its mark")

    def _read(self, sync_id: str) -> Snapshot:
        snapshot, remote = self._snapshot, self._syncs.get(sync_id)
        if remote is not None:
            return replace(snapshot, remote=remote, was_read=True, secrets=filled(self._spec, self._known, remote))
        if snapshot.sync.status.id is not None:
            return replace(snapshot, was_read=True, not_found=True, missing_from_lists=True)
        return snapshot.failed(Phase.REGISTRATION, classify_error(no_such_remote("sync", sync_id)))

    def _forgotten(self) -> Snapshot:
        """The snapshot of a Sync whose server sync is gone and is created again.

        The controller does that only after two lists without it, one period apart.
        """
        snapshot = self._snapshot
        self._notes += (_AFTER_TWO_LISTS,)
        gone = {"id": None, "registered_at": None, "account": None}
        sync = replace(snapshot.sync, status=snapshot.sync.status.model_copy(update=gone))
        return replace(snapshot, sync=sync).forgotten()

    def _updated(self, action: UpdateRemote, remote: RemoteSync) -> Snapshot:
        fields = drifted_fields(self._snapshot, remote)
        secrets = self._snapshot.secrets or {}
        self._changes += SYNC_FIELDS.changes(remote.attributes, action.body, fields, secrets=secrets)
        status = remote.status
        if isinstance(action, TakeOverSync):
            self._notes += ("the server's own schedule is ended: the sync is disabled, updated, and enabled again",)
            status = "pending"
        after = replace(remote, attributes={**remote.attributes, **action.body}, status=status)
        return replace(self._snapshot, updated=True, remote=after)

    def _created(self, body: Mapping[str, Any]) -> PlannedChange:
        empty = {"configuration": _placeholder(body["configuration"])}
        changes = SYNC_FIELDS.changes(empty, body, tuple(body), secrets=self._snapshot.secrets or {})
        return PlannedChange(
            PlanAction.RECREATE if self._snapshot.recreated else PlanAction.CREATE, None, changes, self._notes
        )


def _placeholder(value: Any) -> Any:
    """The objects and lists of a value without their scalars, so that each scalar is reported as its own change."""
    if isinstance(value, Mapping):
        return {key: _placeholder(inner) for key, inner in value.items() if isinstance(inner, Mapping | list)}
    return [_placeholder(inner) for inner in value if isinstance(inner, Mapping | list)]
