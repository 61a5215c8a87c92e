"""Pictures that look like trouble, and in which nothing stands in the way."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.snapshots import BORN, NOW, connected, marked, ours, pictured, registered, stalled, stored, synced

from sync_operator.api.statuses.conditions import Reason
from sync_operator.domain.create_fence.matching import Claim
from sync_operator.domain.registration.preconditions import registration_blocker
from sync_operator.domain.snapshot import Snapshot
from sync_operator.syncapi.types import RemoteList, RemoteSync

ADOPTING = synced(externalId="5", metadata=marked())
REPORTING = ours(driftPolicy="Report")
DRIFTED = stored(pictured(), sync_mode="incremental")


def listing(*syncs: RemoteSync) -> RemoteList[RemoteSync]:
    return RemoteList(syncs, NOW)


FREE: Mapping[str, Snapshot] = {
    "a new Sync": pictured(),
    "the elder of two": pictured(
        ours(), competing_claims=(Claim("team/second", True, NOW, "uid-second"), Claim("team/third", False, BORN, "a"))
    ),
    "registered, and the Workspace suspended": pictured(ours(), workspace=connected(suspended=True), registered=True),
    "a Workspace that is spelt otherwise": pictured(
        ours(), workspace=connected(url="https://API.example.com:443/"), registered=True
    ),
    "an adopted sync that is like the spec": pictured(ADOPTING, remote=stored(pictured(), "5", cursor_field=None)),
    "an adopted sync with another mode": pictured(ADOPTING, remote=stored(pictured(), "5", sync_mode="incremental")),
    "an update that was kept": pictured(ours(), remote=stored(pictured()), updated=True),
    "a sync that is gone, with drift corrected": pictured(ours(), not_found=True, missing_from_lists=True),
    "drift to be corrected": pictured(ours(), last_listed=DRIFTED, was_in_sync=True, registered=True),
    "drift to be reported, but the spec is newer": pictured(REPORTING, remote=DRIFTED),
    "drift to be reported, but a Secret may be newer": pictured(
        REPORTING, last_listed=DRIFTED, was_in_sync=True, secrets_may_have_changed=True
    ),
    "a create that got nowhere": pictured(
        synced(metadata=marked()), listing=listing(), listed_at=NOW, indeterminate_until=NOW
    ),
    "a lost create that is found": pictured(
        synced(metadata=marked()), listing=listing(stored(pictured())), listed_at=NOW, indeterminate_until=NOW
    ),
    "a sync that may be ours, of a spec before this one, but older than the mark": pictured(
        synced(metadata=marked(), generation=2, syncMode="incremental"),
        listing=listing(replace(stored(pictured()), created_at=BORN - timedelta(minutes=6))),
        listed_at=NOW,
    ),
    "a refusal of an older spec": pictured(
        synced(status=registered(None, conditions=stalled(Reason.REJECTED)), generation=2)
    ),
    "a refusal, but a Secret may be newer": pictured(
        synced(status=registered(None, conditions=stalled(Reason.REJECTED))), secrets_may_have_changed=True
    ),
    "reported drift that somebody took back": pictured(
        synced(status=registered(conditions=stalled(Reason.DRIFT_FOUND)), driftPolicy="Report"),
        last_listed=stored(pictured()),
        was_in_sync=True,
    ),
    "trouble that does not stand": pictured(
        synced(status=registered(None, conditions=stalled(Reason.WORKSPACE_NOT_FOUND)))
    ),
}


@pytest.mark.parametrize("name", FREE)
def test_the_way_is_free(name: str) -> None:
    assert registration_blocker(FREE[name]) is None
