"""Which listed sync goes to which create whose outcome is unknown."""

import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.snapshots import NOW

from sync_operator.domain.create_fence.unresolved_creates import (
    UnresolvedCreate,
    assign,
    is_certain_of,
    may_have_made,
)
from sync_operator.domain.sync.sync_fields import SYNC_FIELDS
from sync_operator.syncapi.types import RemoteSync

BODY = {"source_id": 1, "stream_name": "contacts"}
NONE = timedelta()
SECONDS = st.sampled_from([-400, -60, -3, 0, 10, 200, 2000])
CREATES = st.lists(
    st.builds(
        lambda name, after, repeated, deleting, complete, sent, until: UnresolvedCreate(
            uid=name,
            holder=f"team/{name}",
            intent_time=NOW + timedelta(seconds=after),
            fields=BODY if complete else {"stream_name": "contacts"},
            rules=SYNC_FIELDS,
            complete=complete,
            repeated_at=NOW + timedelta(seconds=after + 60) if repeated else None,
            sent=sent,
            until=NOW + timedelta(seconds=after + 30) if until else None,
            deleting=deleting,
        ),
        st.sampled_from("abcdef"),
        SECONDS,
        *[st.booleans()] * 5,
    ),
    max_size=5,
    unique_by=lambda create: create.uid,
)
SYNCS = st.lists(SECONDS, max_size=5).map(
    lambda ages: [made(str(number), seconds) for number, seconds in enumerate(sorted(ages), 1)]
)


def made(sync_id: str, seconds: float | None, **attributes: object) -> RemoteSync:
    at = NOW + timedelta(seconds=seconds) if seconds is not None else None
    return RemoteSync(sync_id, BODY | attributes, "pending", created_at=at)


def lost(uid: str, seconds: float = 0, **changes: object) -> UnresolvedCreate:
    usual = UnresolvedCreate(
        uid=uid, holder=f"team/{uid}", intent_time=NOW + timedelta(seconds=seconds), fields=BODY, rules=SYNC_FIELDS
    )
    return usual if not changes else UnresolvedCreate(**{**_fields(usual), **changes})  # type: ignore[arg-type]


def _fields(create: UnresolvedCreate) -> dict[str, object]:
    return {name: getattr(create, name) for name in UnresolvedCreate.__slots__}


def owners(creates: list[UnresolvedCreate], *syncs: RemoteSync) -> dict[str, str]:
    return {sync_id: create.uid for sync_id, create in assign(creates, syncs, NONE).items()}


@given(CREATES, SYNCS, st.randoms(use_true_random=False))
def test_each_sync_goes_to_one_create_and_each_create_has_one_in_whatever_order(
    creates: list[UnresolvedCreate], syncs: list[RemoteSync], chance: random.Random
) -> None:
    found = assign(creates, syncs, NONE)
    shuffled = chance.sample(creates, len(creates))

    assert assign(shuffled, syncs, NONE) == found
    assert len({create.uid for create in found.values()}) == len(found)
    by_id = {remote.id: remote for remote in syncs}
    for sync_id, create in found.items():
        assert may_have_made(create, by_id[sync_id], NONE)
        assert not create.deleting or is_certain_of(create, by_id[sync_id], NONE)
    served = {create.uid for create in found.values()}
    for create in creates:
        left = [remote for remote in syncs if remote.id not in found and may_have_made(create, remote, NONE)]
        assert create.uid in served or create.deleting or not left, "no sync stays that a create may have made"


def test_of_two_alike_the_elder_has_the_elder() -> None:
    assert owners([lost("b", 1), lost("a")], made("1", 2), made("2", 3)) == {"1": "a", "2": "b"}
    assert owners([lost("b", 1), lost("a")], made("1", 2)) == {"1": "a"}


def test_what_is_certain_for_one_alone_is_that_ones() -> None:
    assert owners([lost("a", 60), lost("b")], made("1", 30)) == {"1": "b"}
    assert owners([lost("a"), lost("b", 3600)], made("1", 3601)) == {"1": "b"}, "an old intent proves nothing"


def test_who_is_being_deleted_chooses_first_and_only_what_is_certain() -> None:
    deleting = lost("b", 1, deleting=True)

    assert owners([lost("a"), deleting], made("1", 2)) == {"1": "b"}
    assert owners([lost("a", -3), deleting], made("1", -60)) == {"1": "a"}
    assert owners([deleting], made("1", -60)) == {}


def test_a_body_that_is_known_in_part_chooses_after_all_that_are_known() -> None:
    partial = lost("a", complete=False, fields={"stream_name": "contacts"})

    assert owners([partial, lost("b", 1)], made("1", 2)) == {"1": "b"}
    assert owners([partial, lost("b", 60)], made("1", 2)) == {"1": "a"}, "it is certain for that one alone"


@pytest.mark.parametrize(
    ("create", "seconds", "fits"),
    [
        pytest.param(lost("a"), -299, True, id="clocks differ"),
        pytest.param(lost("a"), -301, False, id="older than the intent"),
        pytest.param(lost("a"), 1199, True, id="of an earlier process"),
        pytest.param(lost("a"), 1201, False, id="much younger than the intent"),
        pytest.param(lost("a", repeated_at=NOW + timedelta(hours=1)), 4799, True, id="of a repetition"),
        pytest.param(lost("a", sent=True, until=NOW + timedelta(minutes=5)), 599, True, id="carried out late"),
        pytest.param(lost("a", sent=True, until=NOW + timedelta(minutes=5)), 601, False, id="settled before"),
        pytest.param(lost("a"), None, False, id="of unknown age"),
    ],
)
def test_a_create_has_made_nothing_but_in_its_time(
    create: UnresolvedCreate, seconds: float | None, *, fits: bool
) -> None:
    assert may_have_made(create, made("1", seconds), NONE) is fits
    assert not may_have_made(create, made("1", seconds, stream_name="other"), NONE)


def test_what_a_repetition_has_made_is_certain_after_a_restart() -> None:
    repeated = lost("a", repeated_at=NOW + timedelta(hours=1))

    assert is_certain_of(repeated, made("1", 3601), NONE)
    assert not is_certain_of(lost("a"), made("1", 3601), NONE)
