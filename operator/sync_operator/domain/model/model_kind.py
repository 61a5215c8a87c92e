"""Models: what the registration engine needs to know about them, and the next action of their reconcile. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sync_operator.api.constants import MODEL_FINALIZER, MODEL_KIND
from sync_operator.domain.blocker import Phase
from sync_operator.domain.connector.definition_check import ReadDefinitions
from sync_operator.domain.create_fence.late_creates import duplicate_step
from sync_operator.domain.definitions.query_types import query_type_error
from sync_operator.domain.identity.ownership_mark import mark_owner, ownership_proof, unmarked
from sync_operator.domain.model.model_body import ChangeQuery, model_body, query_of, texts_of
from sync_operator.domain.model.model_snapshot import ModelSnapshot
from sync_operator.domain.model.model_source import ListSources, source_blocker, source_lookup
from sync_operator.domain.model.preview_step import TryQuery, preview_step
from sync_operator.domain.registration.deletion_step import deletion_step
from sync_operator.domain.registration.desired_state import drifted_fields, update_body
from sync_operator.domain.registration.field_diff import FieldRules
from sync_operator.domain.registration.registration_actions import RegistrationAction, UpdateRemote
from sync_operator.domain.registration.registration_step import registration_step
from sync_operator.domain.registration.resource_kind import ResourceKind
from sync_operator.domain.usage import ListUsers, delete_unused, in_use, users_words
from sync_operator.errors import InvalidSpecError
from sync_operator.syncapi.types import Dialect, RefKind, RemoteModel
from sync_operator.util.field_names import camel
from sync_operator.util.redact import redact

__all__ = ["MODEL", "ModelAction", "next_model_action"]

_CONNECTOR: Final = "connector_id"
_PRIMARY_KEY: Final = "primary_key"
_RULES: Final = FieldRules(fixed=(_CONNECTOR,))


def _refusal(snapshot: ModelSnapshot) -> InvalidSpecError | None:
    try:
        query_of(snapshot)
    except InvalidSpecError as refused:
        return refused
    return _key_error(snapshot) or _type_error(snapshot)


def _lookup(snapshot: ModelSnapshot) -> ListSources | ReadDefinitions | None:
    """What is asked for before the model is written: its source, and what the source's definition takes."""
    view = snapshot.reference
    known = snapshot.definitions is not None or snapshot.definitions_read or snapshot.created or snapshot.updated
    read = None if view is None or not view.definition or known else ReadDefinitions()
    return source_lookup(snapshot) or read


def _type_error(snapshot: ModelSnapshot) -> InvalidSpecError | None:
    """The error of a query type that the source does not take, of a Model that is not registered as it is now."""
    spec, view, known = snapshot.model.spec, snapshot.reference, snapshot.definitions
    if spec is None or view is None or known is None or snapshot.registered or snapshot.model.deleting:
        return None
    definition = known.get(RefKind.SOURCE, view.definition)
    return query_type_error(definition, spec.query_type.value) if definition is not None else None


def _key_error(snapshot: ModelSnapshot) -> InvalidSpecError | None:
    """The error of a changed ``spec.primaryKey`` that syncs depend on: they would send all rows a second time."""
    spec, remote = snapshot.model.spec, snapshot.remote or snapshot.last_listed
    held = remote.attributes.get(_PRIMARY_KEY) if remote is not None else None
    remotes = snapshot.usage.remotes
    users = "the Syncs that use it" if snapshot.is_used else users_words(remotes or ())
    if spec is None or not isinstance(held, str) or held == spec.primary_key or not users:
        return None
    return InvalidSpecError(
        "spec.primaryKey",
        f"model {snapshot.remote_id} has {redact(held, limit=60)!r}, by which {users} know which rows were sent; with "
        "another one they would send rows a second time. Put it back, or make another Model and other Syncs",
    )


def _known_fields(snapshot: ModelSnapshot, _: datetime) -> tuple[Mapping[str, Any], bool]:
    number = snapshot.connector_id
    return ({_CONNECTOR: number}, True) if number is not None else ({}, False)


def _field_path(spec: Any, name: str) -> str:
    if name == _CONNECTOR and spec.connector_ref is not None:
        return f"spec.connectorRef.{'name' if spec.connector_ref.name is not None else 'serverName'}"
    if name == "query" and spec.query is None:
        return "spec.queryFrom"
    return f"spec.{camel(name)}"


def _update(snapshot: ModelSnapshot, remote: RemoteModel, changes: tuple[str, ...]) -> UpdateRemote | ListUsers:
    wrong = drifted_fields(snapshot, remote)
    if _PRIMARY_KEY in wrong and not snapshot.registered and snapshot.usage.remotes is None:
        return ListUsers(remote.id, Phase.REGISTRATION)  # somebody may have made syncs on the server that use it
    body = update_body(snapshot)
    if snapshot.workspace.dialect is Dialect.DOCUMENTED and _CONNECTOR in remote.attributes:
        body |= {_CONNECTOR: remote.attributes[_CONNECTOR]}  # it asks for all
    is_new = snapshot.model.status.id is None or "query" not in wrong
    return UpdateRemote(remote.id, body, changes) if is_new else ChangeQuery(remote.id, body, changes)


MODEL: Final = ResourceKind[ModelSnapshot](
    kind=MODEL_KIND,
    noun="model",
    finalizer=MODEL_FINALIZER,
    rules=lambda _: _RULES,
    refusal=_refusal,
    body=model_body,
    known_fields=_known_fields,
    identifying=(_CONNECTOR, _PRIMARY_KEY),
    partition=_PRIMARY_KEY,
    field_path=_field_path,
    secrets=texts_of,
    lookup=_lookup,
    reference_blocker=source_blocker,
    proof=ownership_proof,
    mark_owner=mark_owner,
    unmarked=unmarked,
    update=_update,
    in_use=in_use,
    delete=delete_unused,
)


type ModelAction = ChangeQuery | TryQuery | ListSources | ListUsers | ReadDefinitions
"""The actions of Models alone."""


def next_model_action(snapshot: ModelSnapshot) -> RegistrationAction | ModelAction | None:
    """The next action for a Model, or None if everything is in place or blocked."""
    action: RegistrationAction | ModelAction | None
    if snapshot.model.deleting:
        action = deletion_step(snapshot)
    else:
        action = registration_step(snapshot) or duplicate_step(snapshot) or preview_step(snapshot)
    return action
