"""What must be true of a simulated world: always, and once nothing goes wrong any more."""

from typing import Any

from tests.unit.domain.world import World

from sync_operator.api.constants import CREATE_STARTED_ANNOTATION, FINALIZER, RUN_REQUESTED_AT_ANNOTATION
from sync_operator.api.kinds.workspace import remote_workspace_of
from sync_operator.api.statuses.conditions import Reason
from sync_operator.api.statuses.status import SyncStatus, read_sync_status

__all__ = ["check_orphans", "check_settled", "check_status", "check_taken", "check_write", "owners", "unknown"]

STALLS = {
    *(Reason.CONFLICT, Reason.DRIFT_FOUND, Reason.EXTERNAL_NOT_FOUND),
    *(Reason.INVALID_SPEC, Reason.REJECTED, Reason.OUTCOME_UNKNOWN),
}


def unknown(world: World, name: str) -> bool:
    """A create was announced for that Sync, and its id is not known."""
    held = world.cluster.syncs[name]
    return not held["status"].get("id") and CREATE_STARTED_ANNOTATION in held["metadata"].get("annotations", {})


def owners(world: World, url: str, sync_id: str) -> list[dict[str, Any]]:
    """The Syncs that have that server sync."""
    held = [sync for sync in world.cluster.syncs.values() if sync["status"].get("id") == sync_id]
    return [sync for sync in held if remote_workspace_of(sync["status"]["url"], "1") == remote_workspace_of(url, "1")]


def check_write(world: World, url: str, sync_id: str, uid: str) -> None:
    """A write by id went to a sync that is the Sync's own, or that it asks for."""
    mine = [held for held in world.cluster.syncs.values() if held["metadata"]["uid"] == uid]
    owning = [held["metadata"]["uid"] for held in owners(world, url, sync_id)]
    assert not owning or uid in owning or not mine, f"{uid} wrote to sync {sync_id}, which belongs to {owning}"
    stored = world.servers[url].syncs.get(sync_id)
    if sync_id in {"1", "2", "3", "4"} and mine and not (stored is not None and stored.maker):
        spec, status = mine[0]["spec"], mine[0]["status"]
        assert spec.get("externalId") == sync_id or status.get("id") == sync_id, f"{uid} wrote to a stranger's sync"


def check_settled(world: World, name: str) -> None:
    """A Sync is as its spec says, or says why it is not; one that was deleted is gone."""
    held = world.cluster.syncs[name]
    elsewhere = held["status"].get("url", world.view.url) != world.view.url
    conditions = {entry["type"]: entry for entry in held["status"]["conditions"]}
    ready = conditions["Ready"]
    if "deletionTimestamp" in held["metadata"]:
        assert elsewhere or (ready["reason"] == "DeleteFailed" and "may have created" in ready["message"]), ready
        return
    if elsewhere and ready["reason"] != "InvalidSpec":
        assert ready["reason"] == "WorkspaceChanged", ready
        assert world.cluster.cronjobs.get(name, {"spec": {"suspend": True}})["spec"]["suspend"] is True
        return
    assert "Reconciling" not in conditions, ready
    if ready["status"] == "False":
        assert ready["reason"] in STALLS, ready
        assert "Stalled" in conditions
        if held["status"].get("serverStatus") == "deleted" and name in world.cluster.cronjobs:
            assert world.cluster.cronjobs[name]["spec"]["suspend"] is True
        return
    assert FINALIZER in held["metadata"]["finalizers"]
    assert ready["observedGeneration"] == held["metadata"]["generation"]
    if held["spec"].get("driftPolicy") != "Ignore":
        check_registered(world, held)
    cronjob = world.cluster.cronjobs.get(name)
    assert (cronjob is None) is (held["spec"].get("scheduler") == "Server")
    if cronjob is not None:
        stopped = held["spec"].get("suspend", False) or held["spec"]["scheduleType"] == "manual"
        assert cronjob["spec"]["suspend"] is stopped
    token = held["metadata"].get("annotations", {}).get(RUN_REQUESTED_AT_ANNOTATION)
    assert held["status"].get("lastHandledRunRequest") == token


def check_registered(world: World, held: dict[str, Any]) -> None:
    """The server holds what the spec of a ready Sync says."""
    stored = world.server.syncs[held["status"]["id"]]
    spec = held["spec"]
    assert stored.attributes["sync_mode"] == spec.get("syncMode", "full_refresh")
    assert stored.attributes["stream_name"] == spec["streamName"]
    assert (
        stored.attributes["source_id"] == held["status"]["sourceId"] == spec.get("sourceId", held["status"]["sourceId"])
    )
    server = spec.get("scheduler") == "Server"
    kind = spec["scheduleType"] if server else "manual"
    assert stored.attributes["schedule_type"] == kind
    assert stored.by_itself is (kind != "manual" and not spec.get("suspend", False))
    assert (stored.status == "disabled") is (server and spec.get("suspend", False))
    if spec["streamName"] == "vectors":
        key = stored.attributes["configuration"][0]["embedding_config"]["api_key"]
        assert key == world.secrets["vectors"]
    else:
        assert stored.attributes["configuration"] == spec["configuration"]


def check_orphans(world: World) -> None:
    """What the operator made belongs to a Sync, or was left on purpose."""
    left = [
        (url, sync_id)
        for url, server in world.servers.items()
        for sync_id, stored in server.syncs.items()
        if stored.maker and not owners(world, url, sync_id)
    ]
    unsettled = sum(unknown(world, name) for name in world.cluster.syncs)
    assert len(left) <= len(world.released) + unsettled, f"{left} belong to nobody"
    for name in world.cluster.cronjobs:
        assert name in world.cluster.syncs


def check_taken(world: World, before: SyncStatus, after: SyncStatus) -> None:
    """What was adopted is not the result of another Sync's create that is still to be resolved."""
    if before.id is not None or after.id is None or after.origin != "Adopted":
        return
    stored = world.servers[str(after.url)].syncs.get(after.id)
    maker = stored.maker if stored is not None else ""
    for name, held in world.cluster.syncs.items():
        assert held["metadata"]["uid"] != maker or not unknown(world, name), f"sync {after.id} was made for {name}"


def check_status(before: SyncStatus, after: SyncStatus) -> None:
    """The rules of kstatus, and the times of conditions."""
    assert read_sync_status(after.model_dump(mode="json", by_alias=True)) == after
    old = {entry.type: entry for entry in before.conditions}
    new = {entry.type: entry for entry in after.conditions}
    assert len(new) == len(after.conditions)
    assert {"Ready", "Registered", "Scheduled"} <= set(new)
    assert not {"Reconciling", "Stalled"} <= set(new)
    for kind in ("Reconciling", "Stalled"):
        assert kind not in new or new[kind].status == "True"
    ready = new["Ready"]
    assert (ready.status == "True") is not bool({"Reconciling", "Stalled"} & set(new))
    assert ready.status == "False" or new["Registered"].status == new["Scheduled"].status == "True"
    assert ready.status == "False" or after.id is not None
    assert bool(after.drift) is (ready.reason == "DriftFound")
    for kind, entry in new.items():
        assert entry.observed_generation == after.observed_generation
        same = kind in old and old[kind].status == entry.status
        assert not same or entry.last_transition_time == old[kind].last_transition_time
        assert entry.message
