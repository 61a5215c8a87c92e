"""Source, destination and model by name: when they are looked up, what is sent, and what is kept."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.support.manifests import BY_NAME
from tests.support.snapshots import BORN, NOW, marked, pictured, registered, stalled, stored, synced

from sync_operator.api.statuses.conditions import Reason
from sync_operator.api.statuses.status import SyncStatus
from sync_operator.domain.actions import Action, ListNames
from sync_operator.domain.blocker import Phase
from sync_operator.domain.registration.desired_state import desired_body, has_drift
from sync_operator.domain.registration.preconditions import registration_blocker
from sync_operator.domain.registration.registration_actions import (
    AdoptCreated,
    CreateRemote,
    DropFinalizer,
    ListRemotes,
    ReadRemote,
    RecordCreateIntent,
)
from sync_operator.domain.registration.registration_step import registration_step
from sync_operator.domain.snapshot import Snapshot, SyncView
from sync_operator.domain.status.sync_status import sync_status
from sync_operator.domain.sync.name_resolution import Names, name_list
from sync_operator.domain.sync.references import lacks_names, name_error_changed
from sync_operator.domain.sync.sync_kind import next_action
from sync_operator.errors import InvalidSpecError
from sync_operator.syncapi.types import NamedResource, RefKind, RemoteList, RemoteSync

OLD = BORN - timedelta(days=1)
ROLES = tuple(RefKind)
IDS = {"source_id": 21, "destination_id": 22, "model_id": 23}
LOOK = ListNames(ROLES, Phase.REGISTRATION)


def lists(
    *, at: int = 0, moved: timedelta | None = None, source: dict[int, str] | None = None, **more: dict[int, str]
) -> Names:
    """What the server has, ``at`` seconds ago; its things were last touched a day ago, or ``moved`` after the mark."""
    touched = OLD if moved is None else BORN + moved
    things = {
        RefKind.SOURCE: source or {21: "Warehouse"},
        RefKind.DESTINATION: {22: "CRM"},
        RefKind.MODEL: {23: "Customers"},
    }
    things |= {RefKind(role): held for role, held in more.items()}
    listed = {
        role: [NamedResource(number, name, touched) for number, name in held.items()] for role, held in things.items()
    }
    return {role: name_list(held, NOW - timedelta(seconds=at)) for role, held in listed.items()}


def named(status: SyncStatus | None = None, **changes: Any) -> SyncView:
    metadata = changes.pop("metadata", marked())
    return synced(status=status, metadata=metadata, generation=changes.pop("generation", 1), **BY_NAME | changes)


def ours(**changes: Any) -> SyncStatus:
    return registered(**IDS | changes)


SENT = desired_body(pictured(synced(sourceId=21, destinationId=22, modelId=23)))
MADE = RemoteSync("7", SENT, "pending", created_at=NOW)


def listing(*syncs: RemoteSync) -> dict[str, Any]:
    return {"listing": RemoteList(syncs, NOW), "listed_at": NOW, "indeterminate_until": NOW}


NEXT: dict[str, tuple[Snapshot, Action | None]] = {
    "names are looked up before anything is written": (pictured(named(metadata={})), LOOK),
    "only those that the spec has": (
        pictured(synced(**{name: BY_NAME[name] for name in ("modelId", "modelRef")})),
        ListNames((RefKind.MODEL,), Phase.REGISTRATION),
    ),
    "a list of a minute ago will do": (
        pictured(named(), create_fresh=True, names=lists(at=60)),
        CreateRemote(SENT),
    ),
    "an older one will not": (pictured(named(), create_fresh=True, names=lists(at=61)), LOOK),
    "what is made anew needs one that is younger than its end": (
        pictured(named(), create_fresh=True, recreated=True, names=lists(at=1)),
        LOOK,
    ),
    "a list that lacks a role will not": (
        pictured(named(), create_fresh=True, names={role: lists()[role] for role in ROLES[:2]}),
        LOOK,
    ),
    "ids need no list": (
        pictured(synced(metadata=marked()), create_fresh=True),
        CreateRemote(desired_body(pictured())),
    ),
    "a registered sync needs no list": (pictured(named(ours()), registered=True, was_in_sync=True), None),
    "unless somebody took its ids out of the status": (
        pictured(named(registered()), was_in_sync=True, missing_from_lists=True),
        LOOK,
    ),
    "a registered sync whose spec has changed does": (pictured(named(ours(), generation=2)), LOOK),
    "and is then compared": (pictured(named(ours(), generation=2), names=lists()), ReadRemote("7", Phase.REGISTRATION)),
    "a lost create is looked for by the ids that the names lead to": (
        pictured(named(), names=lists(), **listing(stored(pictured()), replace(MADE, id="9"))),
        AdoptCreated(replace(MADE, id="9"), (), adopted=True),
    ),
    "a sync with other ids is not ours while no name has moved": (
        pictured(named(), names=lists(), **listing(replace(MADE, attributes=SENT | {"source_id": 31}))),
        RecordCreateIntent(BORN, fresh=False, repeats=True),
    ),
}


@pytest.mark.parametrize("name", NEXT)
def test_next(name: str) -> None:
    snapshot, action = NEXT[name]

    assert registration_step(snapshot) == action


def test_what_a_lost_create_sent_is_in_doubt_when_a_name_may_have_moved_since() -> None:
    other = replace(MADE, attributes=SENT | {"source_id": 31})
    for names in (lists(moved=timedelta(minutes=-4)), lists(moved=timedelta(minutes=1))):
        snapshot = pictured(named(), names=names, **listing(other))

        assert next_action(snapshot) is None
        blocker = registration_blocker(snapshot)
        assert blocker is not None
        assert (blocker.reason, blocker.retry_after) == (Reason.OUTCOME_UNKNOWN, 300)
        assert "what a name in it leads to" in blocker.message


def test_a_deletion_looks_for_a_lost_create_by_names_too() -> None:
    sync = named(metadata=marked(deletionTimestamp=NOW.isoformat()))
    snapshot = pictured(sync, children_deleted=True, crd_deleted=False, indeterminate_until=NOW)
    assert next_action(snapshot) == ListNames(ROLES, Phase.DELETION)

    snapshot = replace(snapshot, names=lists(source={31: "Another"}))
    assert next_action(snapshot) == ListRemotes(Phase.DELETION), "a name that leads nowhere keeps nothing from going"
    assert next_action(replace(snapshot, **listing())) == DropFinalizer()


TROUBLES: dict[str, tuple[Snapshot, Reason, str]] = {
    "missing_from_lists": (
        pictured(named(), names=lists(source={31: "Warehouses"})),
        Reason.INVALID_SPEC,
        "spec.sourceRef.serverName: the server has no source 'Warehouse'; did you mean 'Warehouses' (id 31)?",
    ),
    "ambiguous": (
        pictured(named(), names=lists(model={23: "Customers", 33: "Customers"})),
        Reason.INVALID_SPEC,
        "spec.modelRef.serverName: the server has several models 'Customers', with the ids 23, 33",
    ),
    "renamed on the server": (
        pictured(named(ours()), registered=True, was_in_sync=True, names=lists(at=299, source={21: "Lake"})),
        Reason.INVALID_SPEC,
        "spec.sourceRef.serverName: the server has no source 'Warehouse'; sync 7 was registered with source 21",
    ),
    "another has the name now": (
        pictured(named(ours()), registered=True, was_in_sync=True, names=lists(source={21: "Lake", 31: "Warehouse"})),
        Reason.CONFLICT,
        "spec.sourceRef.serverName: 'Warehouse' is source 31 on the server, but sync 7 was registered with source 21",
    ),
    "an id that is not the registered one": (
        pictured(synced(status=ours(), sourceId=31, destinationId=22, modelId=23), registered=True, was_in_sync=True),
        Reason.CONFLICT,
        "spec.sourceId: sync 7 was registered with source 21 (status.sourceId), and that is fixed; write spec.sourceId",
    ),
    "to be adopted, with another source": (
        pictured(named(externalId="7"), names=lists(), remote=replace(MADE, attributes=SENT | {"source_id": 31})),
        Reason.CONFLICT,
        "spec.sourceRef.serverName: sync 7 (spec.externalId) has another value on the server",
    ),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_a_name_that_does_not_lead_to_one_thing_stalls_and_writes_nothing(name: str) -> None:
    snapshot, reason, words = TROUBLES[name]

    blocker = registration_blocker(snapshot)

    assert blocker is not None
    assert (blocker.reason, blocker.stalled) == (reason, True)
    assert blocker.message.startswith(words)
    assert "; " in blocker.message
    assert not isinstance(next_action(snapshot), CreateRemote | ReadRemote)


FREE: dict[str, Snapshot] = {
    "another has the same name too, but ours is known": pictured(
        named(ours()), names=lists(source={21: "Warehouse", 31: "Warehouse"})
    ),
    "neither name nor id is in the list, which moved while it was read": pictured(
        named(ours()), registered=True, was_in_sync=True, names=lists(source={31: "Lake"})
    ),
    "gone with its source, and to be made anew with another": pictured(
        named(ours()), not_found=True, missing_from_lists=True, names=lists(source={31: "Warehouse"})
    ),
    "missing in the server's list of syncs, to be asked for": pictured(
        named(ours()), was_in_sync=True, missing_from_lists=True, names=lists(source={31: "Warehouse"})
    ),
    "made by us, and not written down yet": pictured(named(), remote=MADE, names=lists(source={31: "Warehouse"})),
}


@pytest.mark.parametrize("name", FREE)
def test_free(name: str) -> None:
    assert registration_blocker(FREE[name]) is None


def test_a_name_that_moved_is_never_sent_for_a_registered_sync() -> None:
    moved = lists(source={31: "Warehouse"})

    for snapshot in (
        pictured(named(ours()), names=moved),
        pictured(named(registered()), names=moved, last_listed=MADE),
        pictured(named(), names=moved, remote=replace(MADE, attributes=SENT | {"source_id": "21"})),
    ):
        assert {name: desired_body(snapshot)[name] for name in IDS} == IDS
        assert not has_drift(snapshot, MADE)


def test_the_status_tells_what_was_registered_and_nothing_before() -> None:
    def told(snapshot: Snapshot) -> tuple[int | None, ...]:
        status = sync_status(snapshot)
        return status.source_id, status.destination_id, status.model_id

    moved = lists(source={31: "Warehouse"})
    assert told(pictured(named(), names=lists())) == (None, None, None)
    assert told(pictured(named(), names=lists(), remote=MADE)) == (21, 22, 23)
    assert told(pictured(named(), names=moved, remote=MADE)) == (21, 22, 23)
    assert told(pictured(named(ours()), names=moved)) == (21, 22, 23)
    assert told(pictured(named(externalId="7"), names=lists(), remote=MADE)) == (21, 22, 23)
    drifted = replace(MADE, attributes=SENT | {"source_id": 31})
    assert told(pictured(synced(status=registered()), last_listed=drifted)) == (1, 2, 3), (
        "the spec's own, not what others did"
    )
    assert told(pictured(named(ours(id=None)), names=moved)) == (None, None, None)
    unreadable = replace(named(ours()), spec=None, spec_error=InvalidSpecError("spec", "cannot be read"))
    assert told(pictured(unreadable)) == (21, 22, 23)


@pytest.mark.parametrize(
    ("names", "told", "news"),
    [
        (lists(), "", False),
        (lists(source={21: "Lake"}), "", True),
        (lists(), "as told", True),
        (lists(source={31: "Lake"}), "as told", True),
    ],
    ids=["as before", "renamed", "renamed back", "other words"],
)
def test_what_the_lists_say_is_news_when_the_status_says_something_else(names: Names, told: str, news: bool) -> None:
    conditions = stalled(Reason.INVALID_SPEC, told) if told else ()

    assert name_error_changed(pictured(named(ours(conditions=conditions)), names=names)) is news


def test_what_was_told_already_is_no_news_and_not_looked_up_again_by_each() -> None:
    names = lists(at=290, source={31: "Lake"})
    blocker = registration_blocker(pictured(named(), names=lists(source={31: "Lake"})))
    assert blocker is not None
    told = registered(None, conditions=stalled(Reason.INVALID_SPEC, blocker.message))

    for_this_spec = pictured(named(told), names=names)
    assert not name_error_changed(for_this_spec)
    assert not lacks_names(for_this_spec)
    assert registration_blocker(for_this_spec) == blocker
    assert lacks_names(pictured(named(told, generation=2), names=names)), "a new spec is looked up at once"
    assert lacks_names(pictured(named(told), names=lists(at=290))), "and so is a name that is there now, to register by"


def test_ids_are_never_news() -> None:
    assert not name_error_changed(pictured(synced(status=registered(conditions=stalled(Reason.CONFLICT)))))
