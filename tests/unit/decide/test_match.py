import random
from collections.abc import Iterable
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.support.pictures import BORN, NOW, pictured, synced

from sync_operator.decide.blocking import conflict
from sync_operator.decide.match import Claim, elder, made_by_us
from sync_operator.model.conditions import Reason
from sync_operator.model.status import SyncStatus
from sync_operator.remote.types import Listing, RemoteSync

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


def listed(*syncs: RemoteSync, clock: datetime | None = NOW) -> Listing:
    return Listing(syncs, clock)


def made(sync_id: str, at: datetime | None, **attributes: object) -> RemoteSync:
    return RemoteSync(sync_id, BODY | attributes, "pending", created_at=at)


def ids(listing: Listing, *, marked_at: datetime = NOW, claimed: Iterable[str] = ()) -> list[str]:
    return [remote.id for remote in made_by_us(BODY, listing, marked_at=marked_at, now=NOW, claimed=claimed)]


@given(CLAIMS)
def test_of_any_claims_exactly_one_prevails(claims: list[Claim]) -> None:
    rivals = {claim.uid: [other for other in claims if other is not claim] for claim in claims}

    [winner] = [claim for claim in claims if elder(claim, rivals[claim.uid]) is None]

    for claim in claims:
        assert claim is winner or elder(claim, rivals[claim.uid]) == winner
        assert winner.registered or not claim.registered
        if claim.registered == winner.registered:
            assert winner.created_at <= claim.created_at


@given(CLAIMS, st.randoms(use_true_random=False))
def test_who_prevails_does_not_depend_on_the_order(claims: list[Claim], chance: random.Random) -> None:
    claim, *rivals = claims
    before = elder(claim, rivals)
    chance.shuffle(rivals)

    assert elder(claim, rivals) == before


@given(CLAIMS)
def test_the_younger_of_two_syncs_stalls(claims: list[Claim]) -> None:
    obstacles = []
    for claim in claims:
        status = SyncStatus(id="5") if claim.registered else SyncStatus()
        metadata = {"uid": claim.uid, "creationTimestamp": claim.created_at.isoformat()}
        rivals = tuple(other for other in claims if other is not claim)
        sync = synced(status=status, metadata=metadata, externalId="5")
        obstacles.append(conflict(pictured(sync, rivals=rivals)))

    assert obstacles.count(None) == 1
    for claim, obstacle in zip(claims, obstacles, strict=True):
        if obstacle is not None:
            assert (obstacle.reason, obstacle.stalled, obstacle.retry_after) == (Reason.CONFLICT, True, None)
            assert obstacle.message.startswith("status.id: " if claim.registered else "spec.externalId: ")
            winner = claims[obstacles.index(None)]
            near = winner.holder.startswith("team/")
            assert (winner.holder if near else "a Sync of another namespace") in obstacle.message
            assert near or winner.holder not in obstacle.message, "whose it is, is no business of another namespace"


@given(st.integers(0, 3600), SKEWS, st.integers(0, 30))
def test_what_we_made_is_found_however_far_the_servers_clock_is_off(age: int, skew: timedelta, answer: int) -> None:
    marked_at = NOW - timedelta(seconds=age)
    by_the_server = marked_at + skew
    ours = made("7", by_the_server + timedelta(seconds=1))
    listing = listed(ours, clock=NOW + skew + timedelta(seconds=answer))

    assert ids(listing, marked_at=marked_at) == ["7"]


@given(st.integers(0, 3600), SKEWS, st.integers(0, 30))
def test_what_was_there_before_is_not_ours(age: int, skew: timedelta, answer: int) -> None:
    marked_at = NOW - timedelta(seconds=age)
    older = made("7", marked_at + skew - MARGIN - timedelta(seconds=1))
    listing = listed(older, clock=NOW + skew + timedelta(seconds=answer))

    assert ids(listing, marked_at=marked_at) == []


@given(st.timedeltas(-MARGIN, MARGIN), st.integers(0, 3600))
def test_clocks_that_cannot_be_compared_may_differ_by_the_margin(skew: timedelta, age: int) -> None:
    marked_at = NOW - timedelta(seconds=age)

    assert ids(listed(made("7", marked_at + skew), clock=None), marked_at=marked_at) == ["7"]


def test_a_sync_whose_age_is_not_told_may_be_ours() -> None:
    assert ids(listed(made("7", None))) == ["7"]


def test_the_oldest_comes_first_by_number_not_by_letter() -> None:
    listing = listed(made("100", NOW), made("20", NOW), made("9", NOW))

    assert ids(listing) == ["9", "20", "100"]


def test_what_belongs_to_another_or_differs_is_not_ours() -> None:
    listing = listed(made("7", NOW), made("8", NOW, stream_name="other"), made("9", NOW, extra=1), made("10", NOW))

    assert ids(listing, claimed={"7"}) == ["9", "10"]
