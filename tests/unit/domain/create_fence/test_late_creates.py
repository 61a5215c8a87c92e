"""What a create made after it was given up: found in a later list, deleted where that is certain, told otherwise."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.support.messages import Messages
from tests.support.snapshots import BORN, NOW, marked, pictured, registered, stored, synced

from sync_operator.api.constants import CREATE_LOST_ANNOTATION
from sync_operator.api.statuses.conditions import Reason
from sync_operator.api.statuses.status_fields import Condition
from sync_operator.domain.create_fence.late_creates import ADVICE, duplicates_of, is_same, looks_for_duplicates
from sync_operator.domain.registration.registration_actions import DeleteDuplicate
from sync_operator.domain.registration.resource_snapshot import Duplicate
from sync_operator.domain.snapshot import Snapshot
from sync_operator.domain.status.event_specs import sync_events
from sync_operator.domain.status.sync_status import sync_status
from sync_operator.domain.sync.sync_kind import next_action
from sync_operator.syncapi.types import RemoteSync

MARK, LOST = NOW - timedelta(minutes=20), NOW - timedelta(minutes=15)
MINUTE = timedelta(minutes=1)
NO_TIME = timedelta()
WORDS = "registered as sync 7 in workspace 1"


def told(message: str, reason: str = "Registered") -> tuple[Condition, ...]:
    said = {"last_transition_time": BORN, "observed_generation": 1}
    return (Condition(type="Registered", status="True", reason=reason, message=message, **said),)


def settled(
    message: str = "registered as sync 7 in workspace 1",
    *,
    lost: datetime | None = LOST,
    own: dict[str, Any] | None = None,
    **changes: Any,
) -> Snapshot:
    metadata = marked(MARK)
    if lost is not None:
        metadata["annotations"][CREATE_LOST_ANNOTATION] = lost.isoformat()
    own = {"registered_at": lost, "conditions": told(message)} | (own or {})
    given = {name: changes.pop(name, None) for name in ("configurationSecrets", "externalId")}
    spec = {name: value for name, value in given.items() if value}
    sync = synced(status=registered(**own), metadata=metadata, **spec)
    seen = replace(stored(pictured()), created_at=own["registered_at"])
    return pictured(sync, **{"registered": True, "was_in_sync": True, "last_listed": seen} | changes)


def late(sync_id: str = "9", *, at: datetime = LOST + MINUTE, **changes: Any) -> RemoteSync:
    return replace(stored(pictured(), sync_id), **{"created_at": at, "updated_at": at} | changes)


@pytest.mark.parametrize(
    ("snapshot", "wanted"),
    [
        (settled(), True),
        (settled(lost=NOW - timedelta(hours=23)), True),
        (settled(lost=NOW - timedelta(hours=25)), False),
        (settled(lost=None), False),
        (settled(f"registered as sync 7; sync 9 {ADVICE} Sync: check whether it is needed", lost=None), True),
        (pictured(synced(metadata=marked())), False),
    ],
)
def test_it_is_looked_for_a_day_after_a_lost_create_and_while_it_is_told(snapshot: Snapshot, wanted: bool) -> None:
    assert looks_for_duplicates(snapshot) is wanted


@pytest.mark.parametrize(
    ("remote", "certain"),
    [
        (late(), True),
        (late(at=MARK), True),
        (late(at=LOST + timedelta(minutes=10)), True),
        (late(at=LOST + timedelta(minutes=11)), False),
        (late(updated_at=NOW), False),
        (late(updated_at=None), True),
    ],
)
def test_only_what_was_made_in_the_attempts_time_and_never_touched_is_certain(
    remote: RemoteSync, certain: bool
) -> None:
    assert duplicates_of(settled(), [remote], NO_TIME) == (Duplicate(remote, certain),)
    ahead = timedelta(hours=7)
    moved = {name: value + ahead for name in ("created_at", "updated_at") if (value := getattr(remote, name))}
    snapshot = settled(own={"registered_at": LOST + ahead})
    assert [found.certain for found in duplicates_of(snapshot, [replace(remote, **moved)], ahead)] == [certain]


@pytest.mark.parametrize(
    "own",
    [{"registered_at": LOST - MINUTE}, {"registered_at": None}, {"origin": "Adopted"}],
    ids=["made by the first create", "of unknown age", "adopted"],
)
def test_nothing_is_certain_where_there_may_have_been_one_create_only(own: dict[str, Any]) -> None:
    assert duplicates_of(settled(own=own), [late()], NO_TIME) == (Duplicate(late(), certain=False),)


SECRET = [{"pointer": "/0/to", "secretKeyRef": {"name": "keys", "key": "key"}}]


def test_values_of_secrets_are_not_compared_and_nothing_is_certain_then() -> None:
    snapshot = settled(configurationSecrets=SECRET)
    other = late(attributes={**late().attributes, "configuration": []})
    assert duplicates_of(snapshot, [other], NO_TIME) == (Duplicate(other, certain=False),)


@pytest.mark.parametrize(
    ("held", "same"),
    [
        (late(), True),
        (late(updated_at=NOW), False),
        (late(at=NOW), False),
        (late(attributes={**late().attributes, "sync_mode": "incremental"}), False),
    ],
)
def test_what_was_changed_since_the_list_is_not_the_same(held: RemoteSync, same: bool) -> None:
    assert is_same(settled(), held, late()) is same


@pytest.mark.parametrize(
    "remote",
    [late(at=MARK - MINUTE), late(created_at=None), late(attributes={**late().attributes, "stream_name": "theirs"})],
)
def test_what_is_older_or_otherwise_is_no_duplicate(remote: RemoteSync) -> None:
    assert duplicates_of(settled(), [remote], NO_TIME) == ()


def test_what_is_certain_is_deleted_and_told(messages: Messages) -> None:
    twin = Duplicate(late(), certain=True)
    snapshot = settled(duplicates=(twin,))
    assert next_action(snapshot) == DeleteDuplicate(twin)

    done = replace(snapshot, duplicates=(), removed=("9",))
    [notice] = sync_events(done, snapshot.sync.status, sync_status(done))
    assert (notice.reason, notice.warning) == (Reason.DUPLICATE_FOUND, True)
    messages(notice)


def test_what_is_not_certain_is_told_until_it_is_gone(messages: Messages) -> None:
    snapshot = settled(duplicates=(Duplicate(late(), certain=False),))
    assert not isinstance(next_action(snapshot), DeleteDuplicate)

    status = sync_status(snapshot)
    said = next(entry for entry in status.conditions if entry.type == "Registered")
    assert (said.status, said.reason) == ("True", Reason.DUPLICATE_FOUND)
    [notice] = sync_events(snapshot, snapshot.sync.status, status)
    assert notice.reason == Reason.DUPLICATE_FOUND
    messages(said, notice)

    after = settled(said.message, lost=None, duplicates=())
    said = next(entry for entry in sync_status(after).conditions if entry.type == "Registered")
    assert said.reason == Reason.REGISTERED
    messages(said)
    unknown = settled(said.message, lost=None)
    assert (
        next(entry for entry in sync_status(unknown).conditions if entry.type == "Registered").message == said.message
    )


@pytest.mark.parametrize("asked_for", [None, "7"], ids=["found", "asked for"])
def test_an_adopted_one_still_says_so_once_the_others_are_gone(asked_for: str | None, messages: Messages) -> None:
    found = f"{WORDS}, which was found where one was to be made; sync 9 {ADVICE} Sync: check whether it is needed"
    own = {"origin": "Adopted", "conditions": told(found, "Adopted")}
    after = settled(lost=None, own=own, duplicates=(), externalId=asked_for)

    said = next(entry for entry in sync_status(after).conditions if entry.type == "Registered")

    assert said.reason == Reason.ADOPTED
    assert ("unless spec.deletionPolicy is Delete" in said.message) is (asked_for is None)
    assert ADVICE not in said.message
    messages(said)


def test_nothing_is_deleted_while_the_sync_has_none_of_its_own() -> None:
    twin = Duplicate(late(), certain=True)

    assert not isinstance(next_action(pictured(synced(metadata=marked(MARK)), duplicates=(twin,))), DeleteDuplicate)
    gone = settled(duplicates=(twin,), missing_from_lists=True)
    assert not isinstance(next_action(gone), DeleteDuplicate)
