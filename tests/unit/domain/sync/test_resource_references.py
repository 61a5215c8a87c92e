"""Connectors and Models that a Sync refers to by their resource: what it waits for, and what cannot be."""

from dataclasses import replace
from typing import Any

import pytest
from tests.support.manifests import REMOVED
from tests.support.snapshots import NOW, connected, marked, pictured, registered, stored, synced

from sync_operator.api.kinds.workspace import remote_workspace_of
from sync_operator.api.statuses.conditions import Reason
from sync_operator.domain.actions import ListNames
from sync_operator.domain.blocker import Phase
from sync_operator.domain.reference_view import ReferenceView
from sync_operator.domain.registration.desired_state import desired_body
from sync_operator.domain.registration.preconditions import registration_blocker
from sync_operator.domain.registration.registration_actions import CreateRemote
from sync_operator.domain.registration.registration_step import registration_step
from sync_operator.domain.snapshot import Snapshot
from sync_operator.domain.status.sync_status import sync_status
from sync_operator.domain.sync.name_resolution import name_list
from sync_operator.syncapi.types import NamedResource, RefKind

BY_RESOURCE: dict[str, Any] = {
    "sourceId": REMOVED,
    "sourceRef": {"name": "warehouse"},
    "destinationId": REMOVED,
    "destinationRef": {"name": "crm"},
    "modelId": REMOVED,
    "modelRef": {"name": "customers"},
}
HERE = connected().remote_workspace
VIEWS = {
    RefKind.SOURCE: ReferenceView(
        kind="Connector", name="warehouse", id=21, ready=True, connector_type="source", remote_workspace=HERE
    ),
    RefKind.DESTINATION: ReferenceView(
        kind="Connector",
        name="crm",
        id=22,
        ready=True,
        connector_type="destination",
        remote_workspace=HERE,
        streams=("contacts", "companies"),
        stream_count=2,
    ),
    RefKind.MODEL: ReferenceView(
        kind="Model", name="customers", id=23, ready=True, connector_id=21, remote_workspace=HERE
    ),
}


@pytest.mark.parametrize("query", ["SELECT id FROM t ORDER BY id", "SELECT id FROM t WHERE at > 1"])
def test_a_cursor_field_needs_a_query_that_goes_with_it(query: str) -> None:
    snapshot = referring(model={"query": query})
    spec = snapshot.sync.spec
    assert spec is not None
    assert registration_blocker(snapshot) is None
    found = registration_blocker(
        snapshot.with_resource(replace(snapshot.sync, spec=spec.model_copy(update={"cursor_field": "at"})))
    )

    assert found is not None
    assert (found.reason, found.stalled, found.resolved_by_watch) == (Reason.INVALID_SPEC, True, True)
    assert found.message.startswith("spec.cursorField: the query of Model 'customers' ends in a condition or an order")


def referring(**views: dict[str, Any]) -> Snapshot:
    """A new Sync that is marked; ``views`` are laid over what is Ready."""
    found = dict(VIEWS)
    for role, changes in views.items():
        found[RefKind(role)] = replace(VIEWS[RefKind(role)], **changes)
    return pictured(synced(metadata=marked(), **BY_RESOURCE), create_fresh=True, references=found)


def test_once_all_are_ready_it_is_registered_with_their_ids_and_no_list() -> None:
    action = registration_step(referring())

    assert isinstance(action, CreateRemote)
    assert (action.body["source_id"], action.body["destination_id"], action.body["model_id"]) == (21, 22, 23)


ELSEWHERE = remote_workspace_of("https://elsewhere.example.com", "1")
WAITS: dict[str, tuple[dict[str, Any], str]] = {
    "it is not there": (
        {"source": {"found": False, "id": None}},
        "spec.sourceRef.name: there is no Connector 'warehouse' in namespace 'team'; create it",
    ),
    "it is not registered": (
        {"model": {"id": None, "ready": False, "trouble": "Rejected: the server says no"}},
        "spec.modelRef.name: Model 'customers' is not Ready, and this Sync waits for it: Rejected: the server says no",
    ),
    "nobody has looked at it": (
        {"model": {"id": None, "ready": False, "remote_workspace": None}},
        "is not Ready, and this Sync waits for it: the operator has not looked at it yet",
    ),
    "it is registered and not Ready": (
        {"destination": {"ready": False, "trouble": "CatalogMissing: no catalog"}},
        "Connector 'crm' is not Ready, and this Sync waits for it: CatalogMissing: no catalog",
    ),
    "it is being deleted": ({"source": {"deleting": True}}, "Connector 'warehouse' is being deleted"),
}


@pytest.mark.parametrize("name", WAITS)
def test_it_waits_and_says_for_what(name: str) -> None:
    views, words = WAITS[name]
    snapshot = referring(**views)

    blocker = registration_blocker(snapshot)

    assert blocker is not None
    assert (blocker.reason, blocker.stalled, blocker.resolved_by_watch) == (Reason.REFERENCE_NOT_READY, False, True)
    assert words in blocker.message
    assert registration_step(snapshot) is None
    assert "Reconciling" in {entry.type for entry in sync_status(snapshot).conditions}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a destination as the source": (
        {"source": {"connector_type": "destination"}},
        "spec.sourceRef.name: Connector 'warehouse' is a destination, and a source is needed",
    ),
    "another workspace": (
        {"model": {"remote_workspace": ELSEWHERE, "workspace": "other"}},
        "spec.modelRef.name: Model 'customers' is registered through Workspace 'other', in another workspace",
    ),
    "another source": (
        {"model": {"connector_id": 9}},
        "spec.modelRef.name: model 'customers' (id 23) reads from source 9, and not from 'warehouse' (id 21)",
    ),
    "no such stream": (
        {"destination": {"streams": ("contact", "companies")}},
        "spec.streamName: Connector 'crm' has no stream 'contacts'; did you mean 'contact'?",
    ),
    "nothing like that stream": (
        {"destination": {"streams": ("a", "b")}},
        "spec.streamName: Connector 'crm' has no stream 'contacts'; its streams are 'a', 'b'",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_stalls(name: str) -> None:
    views, words = WRONG[name]

    blocker = registration_blocker(referring(**views))

    assert blocker is not None
    assert (blocker.reason, blocker.stalled) == (Reason.INVALID_SPEC, True)
    assert words in blocker.message


def test_a_stream_is_not_missed_where_not_all_are_known() -> None:
    assert registration_blocker(referring(destination={"streams": ("a",), "stream_count": 500})) is None
    assert registration_blocker(referring(destination={"streams": (), "stream_count": None})) is None


def test_what_is_registered_goes_on_whatever_becomes_of_its_resources() -> None:
    ids: dict[str, Any] = {"source_id": 21, "destination_id": 22, "model_id": 23}
    sync = synced(status=registered(**ids), metadata=marked(), **BY_RESOURCE)
    lost: list[dict[str, Any]] = [{"found": False, "id": None}, {"deleting": True}, {"ready": False}]
    for changes in lost:
        views = {role: replace(view, **changes) for role, view in VIEWS.items()}
        assert registration_blocker(pictured(sync, registered=True, references=views)) is None

    views = VIEWS | {RefKind.SOURCE: replace(VIEWS[RefKind.SOURCE], id=99)}
    blocker = registration_blocker(pictured(sync, registered=True, references=views))
    assert blocker is not None
    assert blocker.reason is Reason.CONFLICT
    assert "Connector 'warehouse' is source 99 on the server, but sync 7 was registered with source 21" in (
        blocker.message
    )


def test_a_move_between_the_three_forms_changes_nothing_while_the_id_stays() -> None:
    ids: dict[str, Any] = {"source_id": 21, "destination_id": 22, "model_id": 23}
    forms: list[dict[str, Any]] = [
        BY_RESOURCE,
        {"sourceId": 21, "destinationId": 22, "modelId": 23},
        BY_RESOURCE | {"sourceRef": {"serverName": "Warehouse"}},
    ]
    for form in forms:
        sync = synced(status=registered(**ids), metadata=marked(), generation=2, **form)
        names = {role: name_list([NamedResource(21, "Warehouse")], NOW) for role in RefKind}
        snapshot = pictured(sync, references=VIEWS, names=names)
        assert registration_blocker(snapshot) is None
        assert desired_body(snapshot) == desired_body(pictured(synced(sourceId=21, destinationId=22, modelId=23))), form
        assert sync_status(replace(snapshot, remote=stored(snapshot))).source_id == 21


def test_an_id_beside_resources_is_looked_up_and_the_model_has_to_fit() -> None:
    spec = {name: value for name, value in BY_RESOURCE.items() if not name.startswith("model")} | {"modelId": 23}
    sync = synced(metadata=marked(), **spec)
    snapshot = replace(referring(), sync=sync, unlisted=frozenset())
    assert registration_step(snapshot) == ListNames((), Phase.REGISTRATION, (RefKind.MODEL,))

    of_another = {RefKind.MODEL: name_list([NamedResource(23, "Customers", None, 9)], NOW)}
    blocker = registration_blocker(replace(snapshot, names=of_another))
    assert blocker is not None
    assert "model 'Customers' (id 23) reads from source 9, and not from 'warehouse' (id 21)" in blocker.message
