"""Syncs: what the registration engine needs to know about them, and the next action of their reconcile. Pure."""

from collections.abc import Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

from sync_operator.api.constants import FINALIZER, SYNC_KIND
from sync_operator.domain.actions import (
    Action,
    CancelAndDeleteSync,
    DeleteCronJob,
    ListNames,
    SetEnabled,
    TakeOverSync,
)
from sync_operator.domain.blocker import Blocker, Phase
from sync_operator.domain.create_fence.late_creates import duplicate_step
from sync_operator.domain.registration.deletion_step import deletion_step
from sync_operator.domain.registration.desired_state import drifted_fields, update_body
from sync_operator.domain.registration.registration_actions import DeleteRemote, UpdateRemote
from sync_operator.domain.registration.registration_step import registration_step
from sync_operator.domain.registration.resource_kind import ResourceKind
from sync_operator.domain.runs.runs_step import run_step
from sync_operator.domain.scheduling.cronjob_manifest import cronjob_name
from sync_operator.domain.scheduling.pod_settings import pod_refusal
from sync_operator.domain.scheduling.scheduling_step import scheduling_step
from sync_operator.domain.snapshot import Snapshot
from sync_operator.domain.sync.id_check import id_blocker, list_names
from sync_operator.domain.sync.references import (
    body_ids,
    certain_ids,
    lacks_names,
    name_blocker,
    named_roles,
    spec_field_path,
)
from sync_operator.domain.sync.request_body import request_body
from sync_operator.domain.sync.resource_references import resource_blocker
from sync_operator.domain.sync.server_state import DISABLED, enabled_drift, has_server_schedule, wanted_enabled
from sync_operator.domain.sync.sync_fields import SYNC_FIELDS
from sync_operator.errors import InvalidSpecError
from sync_operator.syncapi.types import Dialect, RefKind, RemoteSync

__all__ = ["SYNC", "next_action"]


def _refusal(snapshot: Snapshot) -> InvalidSpecError | None:
    spec, dialect = snapshot.sync.spec, snapshot.workspace.dialect
    if spec is None:
        return None
    error = pod_refusal(spec.run.pod, snapshot.runner_config.run_pods)
    if error is not None or dialect is None:
        return error
    try:
        request_body(spec, {}, dialect, snapshot.secrets or {})
    except InvalidSpecError as refused:
        return refused
    return None


def _body(snapshot: Snapshot) -> dict[str, Any]:
    spec, dialect = snapshot.sync.spec, snapshot.workspace.dialect
    if spec is None or dialect is None:
        raise ValueError("no body without spec and dialect")
    return request_body(spec, body_ids(snapshot), dialect, snapshot.secrets or {})


def _known_fields(snapshot: Snapshot, since: datetime) -> tuple[Mapping[str, Any], bool]:
    spec = snapshot.sync.spec
    if spec is None:
        return {}, False
    ids = certain_ids(snapshot, since)
    fixed = {**ids, "stream_name": spec.stream_name, "cursor_field": spec.cursor_field}
    return {name: value for name, value in fixed.items() if value is not None}, len(ids) == len(RefKind)


def _reference_blocker(snapshot: Snapshot) -> Blocker | None:
    return resource_blocker(snapshot) or name_blocker(snapshot) or id_blocker(snapshot)


def _update(snapshot: Snapshot, remote: RemoteSync, changes: tuple[str, ...]) -> UpdateRemote | SetEnabled:
    spec = snapshot.sync.spec
    if spec is None or drifted_fields(snapshot, remote):
        update = TakeOverSync if has_server_schedule(snapshot, remote) else UpdateRemote
        return update(remote.id, update_body(snapshot), changes)
    return SetEnabled(remote.id, wanted_enabled(spec), changes)


def _before_delete(snapshot: Snapshot) -> DeleteCronJob | None:
    """It must not start a run while the deletion waits for the server."""
    return None if snapshot.children_deleted else DeleteCronJob(cronjob_name(snapshot.sync.name), Phase.DELETION)


def _deletion_lookup(snapshot: Snapshot) -> ListNames | None:
    spec = snapshot.sync.spec
    return ListNames(named_roles(spec), Phase.DELETION) if spec is not None and lacks_names(snapshot) else None


def _delete(snapshot: Snapshot, sync_id: str) -> DeleteRemote:
    """With a cancel, except where the server refuses it: of a disabled sync, or one that it schedules itself."""
    remote, multiwoven = snapshot.remote, snapshot.workspace.dialect is Dialect.MULTIWOVEN
    refuses = remote is not None and (
        remote.status == DISABLED or remote.attributes.get("schedule_type") not in {None, "manual"}
    )
    return DeleteRemote(sync_id) if multiwoven and refuses else CancelAndDeleteSync(sync_id)


SYNC: Final = ResourceKind[Snapshot](
    kind=SYNC_KIND,
    noun="sync",
    finalizer=FINALIZER,
    rules=lambda _: SYNC_FIELDS,
    refusal=_refusal,
    body=_body,
    known_fields=_known_fields,
    identifying=("stream_name", "source_id", "destination_id", "model_id"),
    partition="stream_name",
    field_path=spec_field_path,
    secrets=attrgetter("configuration_secrets"),
    lookup=list_names,
    reference_blocker=_reference_blocker,
    hidden_drift=enabled_drift,
    update=_update,
    before_delete=_before_delete,
    deletion_lookup=_deletion_lookup,
    delete=_delete,
    duplicate_effect=". Both may send the same rows",
)


def next_action(snapshot: Snapshot) -> Action | None:
    """The next action for a Sync, or None if everything is in place or blocked.

    It is called again with the snapshot after each action, until there is none left.
    """
    action: Action | None
    if snapshot.sync.deleting:
        action = deletion_step(snapshot)
    else:
        action = (
            registration_step(snapshot) or duplicate_step(snapshot) or scheduling_step(snapshot) or run_step(snapshot)
        )
    return action
