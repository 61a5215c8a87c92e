"""Checks the ids of source, destination and model before a sync is registered, because the server accepts any. Pure.

A server accepts a connector of another workspace, a destination as a source, and a model of another source. Ids are
immutable once the sync is registered, so they are checked until then, in lists that all Syncs of an account share.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from sync_operator.api.constants import CREATE_STARTED_ANNOTATION
from sync_operator.api.kinds.sync import SyncSpec
from sync_operator.api.statuses.conditions import ConditionType, Reason
from sync_operator.domain.actions import ListNames
from sync_operator.domain.blocker import Blocker, Phase
from sync_operator.domain.snapshot import Snapshot
from sync_operator.domain.status.error_classification import SLOW_RETRY
from sync_operator.domain.sync.name_resolution import other_source, wrong_id
from sync_operator.domain.sync.references import (
    found_reference,
    lacks_names,
    named_roles,
    resource_roles,
    spec_field_path,
    spec_ids,
)
from sync_operator.domain.sync.resource_references import resource_blocker
from sync_operator.syncapi.types import NamedResource, RefKind

__all__ = ["id_blocker", "id_error_changed", "id_message", "list_names", "lists_not_before"]

_MAX_LIST_AGE: Final = timedelta(seconds=60)
"""An id is rejected only by lists that are no older than this."""
_ANY_AGE: Final = timedelta(days=3650)


def list_names(snapshot: Snapshot) -> ListNames | None:
    """The lists needed to register the sync: to resolve names and to check ids; None if none is needed."""
    spec = snapshot.sync.spec
    named = named_roles(spec) if spec is not None and lacks_names(snapshot) else ()
    checks = _roles(snapshot) if _lacks_lists(snapshot) else ()
    return ListNames(named, Phase.REGISTRATION, checks) if named or checks else None


def lists_not_before(snapshot: Snapshot) -> datetime:
    """The earliest request time of a list that is good enough: any list to find an id, a recent one to reject it."""
    return snapshot.now - (_MAX_LIST_AGE if next(_errors(snapshot), None) else _ANY_AGE)


def id_blocker(snapshot: Snapshot) -> Blocker | None:
    """The blocker if an id in the spec is not that of a source, destination or model of this workspace."""
    return None if _lacks_lists(snapshot) else next(_errors(snapshot), None)


def id_message(snapshot: Snapshot) -> str:
    """Part of a message: a new sync's ids could not be checked; empty if they were, or need not be."""
    spec = snapshot.sync.spec
    if snapshot.sync.status.id is not None or not snapshot.unlisted or (spec is not None and spec.external_id):
        return ""
    roles = ", ".join(f"{role}s" for role in RefKind if role in snapshot.unlisted)
    return f"; its ids were not looked up, because the server does not list its {roles}"


def id_error_changed(snapshot: Snapshot) -> bool:
    """True if the status rejects the spec, but the cached lists no longer do, or for another reason."""
    reported = snapshot.sync.condition(ConditionType.REGISTERED)
    current = resource_blocker(snapshot) or next(_errors(snapshot), None)
    refused = reported is not None and reported.status == "False" and reported.reason == Reason.INVALID_SPEC
    if not _is_checked(snapshot) or reported is None or not refused:
        return False
    return current is None or current.message != reported.message


def _is_checked(snapshot: Snapshot) -> bool:
    """True while no create was sent: what is registered is fixed."""
    sync, spec = snapshot.sync, snapshot.sync.spec
    if spec is None or sync.deleting or snapshot.remote_id is not None or spec.external_id:
        return False
    return snapshot.create_sent is None and (CREATE_STARTED_ANNOTATION not in sync.annotations or snapshot.create_fresh)


def _roles(snapshot: Snapshot) -> tuple[RefKind, ...]:
    """Kinds whose lists are needed to check ids: all but those given by a resource, as the model has to fit the source.

    None if no id is given.
    """
    spec = snapshot.sync.spec
    if spec is None or not _is_checked(snapshot) or not spec_ids(spec):
        return ()
    return tuple(role for role in RefKind if role not in resource_roles(spec))


def _lacks_lists(snapshot: Snapshot) -> bool:
    wanted = [role for role in _roles(snapshot) if role not in snapshot.unlisted]
    since = lists_not_before(snapshot)
    return any(role not in snapshot.names or snapshot.names[role].at < since for role in wanted)


def _errors(snapshot: Snapshot) -> Iterator[Blocker]:
    spec = snapshot.sync.spec
    if spec is None or not _is_checked(snapshot):
        return
    for role in RefKind:
        number = getattr(spec, f"{role}_id")
        held = snapshot.names.get(role)
        if number is not None and held is not None and number not in held.by_id:
            yield _refused(f"spec.{role}Id: {wrong_id(role, number, snapshot.names)}")
    source, model = _found(snapshot, spec, RefKind.SOURCE), _found(snapshot, spec, RefKind.MODEL)
    if source is not None and model is not None and model.connector_id not in {None, source.id}:
        yield _refused(f"{spec_field_path(spec, 'model_id')}: {other_source(model, source)}")


def _found(snapshot: Snapshot, spec: SyncSpec, role: RefKind) -> NamedResource | None:
    held, number = snapshot.names.get(role), getattr(spec, f"{role}_id")
    if number is None:
        return found_reference(snapshot, spec, role)
    return held.by_id.get(number) if held is not None else None


def _refused(message: str) -> Blocker:
    return Blocker(Reason.INVALID_SPEC, message, stalled=True, retry_after=SLOW_RETRY)
