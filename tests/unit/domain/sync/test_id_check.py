"""Ids of source, destination and model: of this workspace, of the right kind, and of each other."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.support.manifests import BY_NAME, REMOVED
from tests.support.snapshots import BORN, NOW, connected, marked, ours, pictured, registered, stored, synced

from sync_operator.api.statuses.conditions import Reason
from sync_operator.domain.actions import ListNames
from sync_operator.domain.blocker import Phase
from sync_operator.domain.registration.preconditions import registration_blocker
from sync_operator.domain.registration.registration_actions import CreateRemote, RecordCreateIntent
from sync_operator.domain.registration.registration_step import registration_step
from sync_operator.domain.snapshot import Snapshot
from sync_operator.domain.status.sync_status import sync_status
from sync_operator.domain.sync.id_check import id_blocker, id_error_changed, id_message, lists_not_before
from sync_operator.domain.sync.name_resolution import Names, name_list
from sync_operator.syncapi.types import NamedResource, RefKind

ALL = tuple(RefKind)


def lists(*, at: Any = NOW, model_of: int | None = 1, **more: NamedResource) -> Names:
    """Source 1 and 9, destination 2, model 3."""
    sources = (NamedResource(1, "Warehouse"), NamedResource(9, "Lake"))
    models = (NamedResource(3, "Customers", connector_id=model_of), *more.values())
    held = {RefKind.SOURCE: sources, RefKind.DESTINATION: (NamedResource(2, "CRM"),), RefKind.MODEL: models}
    return {role: name_list(named, at) for role, named in held.items()}


def looked(names: Names | None = None, **spec: Any) -> Snapshot:
    return pictured(synced(**spec), unlisted=frozenset(), names=lists() if names is None else names)


def test_lists_come_first_and_before_any_mark() -> None:
    before = looked({})

    assert registration_step(before) == ListNames((), Phase.REGISTRATION, ALL)
    assert registration_step(replace(before, names=lists())) == RecordCreateIntent(NOW, fresh=True)
    by_source = looked({}, sourceId=REMOVED, sourceRef={"serverName": "Warehouse"})
    assert registration_step(by_source) == ListNames((RefKind.SOURCE,), Phase.REGISTRATION, ALL)


def test_a_list_of_any_age_is_good_for_an_id_that_is_in_it() -> None:
    old = looked(lists(at=NOW - timedelta(hours=5)))

    assert isinstance(registration_step(old), RecordCreateIntent)
    assert id_blocker(old) is None


def test_an_id_is_refused_by_a_young_list_only() -> None:
    old = looked(lists(at=NOW - timedelta(minutes=5)), sourceId=41)

    assert id_blocker(old) is None
    assert registration_step(old) == ListNames((), Phase.REGISTRATION, ALL)
    assert lists_not_before(old) == NOW - timedelta(seconds=60)


WRONG: dict[str, tuple[Snapshot, str]] = {
    "a source of another workspace": (looked(sourceId=41), "spec.sourceId: the workspace has no source 41; its source"),
    "a destination of another": (looked(destinationId=42), "spec.destinationId: the workspace has no destination 42; "),
    "a model of another": (looked(modelId=33), "spec.modelId: the workspace has no model 33; its models are "),
    "a destination as source": (looked(sourceId=2), "spec.sourceId: connector 'CRM' (id 2) is a destination, not a "),
    "a source as destination": (looked(destinationId=9), "spec.destinationId: connector 'Lake' (id 9) is a source, "),
    "a model of another source": (looked(sourceId=9), "spec.modelId: model 'Customers' (id 3) reads from source 1, "),
    "a model of another source than the name leads to": (
        looked(sourceId=REMOVED, sourceRef={"serverName": "Lake"}),
        "spec.modelId: model 'Customers' (id 3) reads from source 1, and not from 'Lake' (id 9); ",
    ),
    "a workspace with nothing in it": (
        looked({role: name_list((), NOW) for role in RefKind}),
        "spec.sourceId: the workspace has no source 1; it has no source at all; ",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_id_is_named_with_what_there_is(name: str) -> None:
    snapshot, words = WRONG[name]

    blocker = registration_blocker(snapshot)

    assert blocker is not None
    assert (blocker.reason, blocker.stalled, bool(blocker.retry_after)) == (Reason.INVALID_SPEC, True, True)
    assert blocker.message.startswith(words)
    assert registration_step(snapshot) is None


FREE: dict[str, Snapshot] = {
    "all is right": looked(),
    "a server that does not tell whose a model is": looked(lists(model_of=None), sourceId=9),
    "a registered sync": pictured(
        ours(sourceId=41), unlisted=frozenset(), names=lists(), last_listed=stored(pictured())
    ),
    "one that is to be adopted": looked(sourceId=41, externalId="5"),
    "a create may have been sent": pictured(synced(metadata=marked(), sourceId=41), unlisted=frozenset()),
    "all by name": looked(**BY_NAME),
    "a server that lists nothing": pictured(synced(sourceId=41)),
}


@pytest.mark.parametrize("name", FREE)
def test_nothing_else_is_refused(name: str) -> None:
    assert id_blocker(FREE[name]) is None


def test_a_create_that_was_announced_and_not_sent_is_looked_at_once_more() -> None:
    announced = synced(metadata=marked(), sourceId=41)

    assert id_blocker(pictured(announced, unlisted=frozenset(), names=lists(), create_fresh=True)) is not None
    right = pictured(synced(metadata=marked()), unlisted=frozenset(), names=lists(), create_fresh=True)
    assert isinstance(registration_step(right), CreateRemote)


def test_a_list_that_says_something_else_wakes() -> None:
    wrong = looked(modelId=33)
    told = replace(wrong, sync=synced(status=sync_status(wrong), modelId=33))

    assert not id_error_changed(wrong)
    assert not id_error_changed(told)
    assert id_error_changed(replace(told, names=lists(more=NamedResource(33, "Orders", connector_id=1))))


def test_what_was_not_looked_up_is_said_once() -> None:
    made = pictured(synced(metadata=marked()), remote=stored(pictured()), unlisted=frozenset({RefKind.MODEL}))

    assert id_message(made) == "; its ids were not looked up, because the server does not list its models"
    told = pictured(ours(registered(created_at=BORN)), unlisted=frozenset(RefKind), workspace=connected())
    assert id_message(told) == ""
