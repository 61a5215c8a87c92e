import random
from collections.abc import Iterable
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.support.snapshots import BORN, NOW, pictured, synced

from sync_operator.api.statuses.conditions import Reason
from sync_operator.api.statuses.status import SyncStatus
from sync_operator.domain.create_fence.matching import Claim, matches_create, winning_claim
from sync_operator.domain.registration.preconditions import claim_conflict
from sync_operator.domain.sync.sync_fields import SYNC_FIELDS
from sync_operator.syncapi.types import RemoteList, RemoteSync

BODY = {"source_id": 1, "stream_name": "contacts"}
MARGIN = timedelta(minutes=5)
SKEWS = st.timedeltas(timedelta(hours=-30), timedelta(hours=30))

CLAIMS = st.lists(
    st.builds(
        Claim,
        holder=st.sampled_from(["team/a", "team/b", "other/a"]),
        registered=st.booleans(),
        created_at=st.sampled_from([BORN, BORN + timedelta(seconds=1), NOW]),
        uid=st.uuids().map(str),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda claim: claim.uid,
)


def listed(*syncs: RemoteSync, clock: datetime | None = NOW) -> RemoteList[RemoteSync]:
    return RemoteList(syncs, clock)


def made(sync_id: str, at: datetime | None, **attributes: object) -> RemoteSync:
    return RemoteSync(sync_id, BODY | attributes, "pending", created_at=at)


def ids(listing: RemoteList[RemoteSync], *, intent_time: datetime = NOW, claimed: Iterable[str] = ()) -> list[str]:
    return [
        remote.id
        for remote in matches_create(SYNC_FIELDS, BODY, listing, intent_time=intent_time, now=NOW, claimed=claimed)
    ]


@given(CLAIMS)
def test_of_any_claims_exactly_one_prevails(claims: list[Claim]) -> None:
    rivals = {claim.uid: [other for other in claims if other is not claim] for claim in claims}

    [winner] = [claim for claim in claims if winning_claim(claim, rivals[claim.uid]) is None]

    for claim in claims:
        assert claim is winner or winning_claim(claim, rivals[claim.uid]) == winner
        assert winner.registered or not claim.registered
        if claim.registered == winner.registered:
            assert winner.created_at <= claim.created_at


@given(CLAIMS, st.randoms(use_true_random=False))
def test_who_prevails_does_not_depend_on_the_order(claims: list[Claim], chance: random.Random) -> None:
    claim, *rivals = claims
    before = winning_claim(claim, rivals)
    chance.shuffle(rivals)

    assert winning_claim(claim, rivals) == before


@given(CLAIMS)
def test_the_younger_of_two_syncs_stalls(claims: list[Claim]) -> None:
    blockers = []
    for claim in claims:
        status = SyncStatus(id="5") if claim.registered else SyncStatus()
        metadata = {"uid": claim.uid, "creationTimestamp": claim.created_at.isoformat()}
        rivals = tuple(other for other in claims if other is not claim)
        sync = synced(status=status, metadata=metadata, externalId="5")
        blockers.append(claim_conflict(pictured(sync, competing_claims=rivals)))

    assert blockers.count(None) == 1
    for claim, blocker in zip(claims, blockers, strict=True):
        if blocker is not None:
            assert (blocker.reason, blocker.stalled, blocker.retry_after) == (Reason.CONFLICT, True, None)
            assert blocker.message.startswith("status.id: " if claim.registered else "spec.externalId: ")
            winner = claims[blockers.index(None)]
            near = winner.holder.startswith("team/")
            assert (winner.holder if near else "a Sync of another namespace") in blocker.message
            assert near or winner.holder not in blocker.message, "whose it is, is no business of another namespace"


@given(st.integers(0, 3600), SKEWS, st.integers(0, 30))
def test_what_we_made_is_found_however_far_the_servers_clock_is_off(age: int, skew: timedelta, answer: int) -> None:
    intent_time = NOW - timedelta(seconds=age)
    by_the_server = intent_time + skew
    ours = made("7", by_the_server + timedelta(seconds=1))
    listing = listed(ours, clock=NOW + skew + timedelta(seconds=answer))

    assert ids(listing, intent_time=intent_time) == ["7"]


@given(st.integers(0, 3600), SKEWS, st.integers(0, 30))
def test_what_was_there_before_is_not_ours(age: int, skew: timedelta, answer: int) -> None:
    intent_time = NOW - timedelta(seconds=age)
    older = made("7", intent_time + skew - MARGIN - timedelta(seconds=1))
    listing = listed(older, clock=NOW + skew + timedelta(seconds=answer))

    assert ids(listing, intent_time=intent_time) == []


@given(st.timedeltas(-MARGIN, MARGIN), st.integers(0, 3600))
def test_clocks_that_cannot_be_compared_may_differ_by_the_margin(skew: timedelta, age: int) -> None:
    intent_time = NOW - timedelta(seconds=age)

    assert ids(listed(made("7", intent_time + skew), clock=None), intent_time=intent_time) == ["7"]


def test_a_sync_whose_age_is_not_told_may_be_ours() -> None:
    assert ids(listed(made("7", None))) == ["7"]


def test_the_oldest_comes_first_by_number_not_by_letter() -> None:
    listing = listed(made("100", NOW), made("20", NOW), made("9", NOW))

    assert ids(listing) == ["9", "20", "100"]


def test_what_belongs_to_another_or_differs_is_not_ours() -> None:
    listing = listed(made("7", NOW), made("8", NOW, stream_name="other"), made("9", NOW, extra=1), made("10", NOW))

    assert ids(listing, claimed={"7"}) == ["9", "10"]
