"""What must be true in the end, whatever happened: one living server sync for each Sync, as asked, run by its CronJob.

Pure: from what the cluster and the server hold to a list of what is wrong, in words.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.support import planted
from tests.support.manifests import sync_spec
from tests.support.syncs import condition

from sync_operator.api.constants import SYNC_NAME

__all__ = ["JOB_SUFFIX", "SELDOM", "Held", "Wanted", "attributes_of", "spec_of", "wrongs"]

JOB_SUFFIX: Final = "-by-hand"
"""A Job of that name is made from the CronJob of a Sync by somebody else."""
SELDOM: Final = "7 3 29 2 *"
"""A cron line that does not come while tests run."""
_SECRET: Final = {"name": "vectors", "key": "key"}
_MAPPED: Final = {"from": "text", "to": "vector", "mapping_type": "vector", "embedding_config": {"mode": "openai"}}


@dataclass
class Wanted:
    """A Sync that is to be there: changes to its spec, and the server's id where it is known and must stay."""

    changes: dict[str, Any]
    id: str | None = None

    @property
    def adopts(self) -> bool:
        return "externalId" in self.changes


@dataclass(frozen=True, slots=True)
class Held:
    """What there is: objects of the cluster by name, and living syncs of the server by id."""

    syncs: Mapping[str, dict[str, Any]]
    cronjobs: Mapping[str, dict[str, Any]]
    jobs: Mapping[str, dict[str, Any]]
    stored: Mapping[str, dict[str, Any]]


def spec_of(name: str) -> dict[str, Any]:
    """Changes to a Sync's spec by its name, ``stage-a1``: those of one stage and letter are alike in every field."""
    stage = name[:-1]
    if not stage.endswith("a"):
        return {"streamName": stage}
    return {
        "streamName": stage,
        "scheduleType": "cron_expression",
        "cronExpression": SELDOM,
        "configuration": [_MAPPED],
        "configurationSecrets": [{"pointer": "/0/embedding_config/api_key", "secretKeyRef": _SECRET}],
    }


def attributes_of(changes: Mapping[str, Any]) -> dict[str, Any]:
    """What the server is to hold for such a spec."""
    # Where a spec has names, the ids that they lead to are those of all other specs.
    spec = sync_spec() | sync_spec(**changes)
    with_secret = [{**_MAPPED, "embedding_config": {"mode": "openai", "api_key": planted.CONFIGURATION}}]
    return {
        "source_id": spec["sourceId"],
        "destination_id": spec["destinationId"],
        "model_id": spec["modelId"],
        "schedule_type": "manual",
        "sync_mode": spec.get("syncMode", "full_refresh"),
        "stream_name": spec["streamName"],
        "configuration": with_secret if "configurationSecrets" in spec else spec["configuration"],
    }


def wrongs(wanted: Mapping[str, Wanted], survivors: set[str], held: Held) -> list[str]:
    """Everything that is not as it must be.

    Args:
        wanted: the Syncs that are to be there, by name; no others.
        survivors: ids of server syncs that belong to no Sync and must live on; no others.
        held: what there is.
    """
    ids = Counter(sync.get("status", {}).get("id") for sync in held.syncs.values())
    of_nobody = held.stored.keys() - ids.keys() - survivors
    with_jobs = {job["metadata"].get("annotations", {}).get(SYNC_NAME) for job in held.jobs.values()}
    return [
        *(f"Sync {name} is not gone" for name in held.syncs.keys() - wanted.keys()),
        *(f"Sync {name} is gone" for name in wanted.keys() - held.syncs.keys()),
        *(f"CronJob {name} is not gone" for name in held.cronjobs.keys() - wanted.keys()),
        *(f"the Jobs of {name} are not gone" for name in with_jobs - wanted.keys()),
        *(f"server sync {sync_id} belongs to {count} Syncs" for sync_id, count in ids.items() if count > 1 and sync_id),
        *(f"server sync {sync_id} is an orphan: {held.stored[sync_id]['attributes']}" for sync_id in of_nobody),
        *(f"server sync {sync_id} is lost" for sync_id in survivors - held.stored.keys()),
        *(
            f"Sync {name}: {wrong}"
            for name in wanted.keys() & held.syncs.keys()
            for wrong in _of_sync(wanted[name], held.syncs[name], held)
        ),
    ]


def _of_sync(wanted: Wanted, sync: Mapping[str, Any], held: Held) -> Iterator[str]:
    status, generation, ready = sync.get("status", {}), sync["metadata"]["generation"], condition(sync)
    sync_id = status.get("id")
    if ready.get("status") != "True" or ready.get("observedGeneration") != generation:
        yield f"not Ready for generation {generation}: {ready.get('reason')}: {ready.get('message')}"
    if wanted.id not in {None, sync_id}:
        yield f"its sync was {wanted.id}, and is {sync_id} now"
    if status.get("origin") != ("Adopted" if wanted.adopts else "Created"):
        yield f"status.origin is {status.get('origin')}"
    if sync_id not in held.stored:
        yield f"status.id is {sync_id}, which the server does not have"
        return
    stored = held.stored[sync_id]
    for field, value in attributes_of(wanted.changes).items():
        if stored["attributes"].get(field) != value:
            yield f"{field} on the server is {stored['attributes'].get(field)}, not {value}"
    if stored["status"] == "disabled" or stored["server_schedule"]:
        yield f"the server's sync is {stored['status']}, its schedule {stored['server_schedule']}"
    yield from _of_cronjob(wanted, sync, held.cronjobs.get(sync["metadata"]["name"]), str(sync_id))


def _of_cronjob(
    wanted: Wanted, sync: Mapping[str, Any], cronjob: Mapping[str, Any] | None, sync_id: str
) -> Iterator[str]:
    if cronjob is None:
        yield "it has no CronJob"
        return
    spec, line = cronjob["spec"], wanted.changes.get("cronExpression")
    [container] = spec["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    if {"name": "SYNC_ID", "value": sync_id} not in container["env"]:
        yield f"its CronJob does not run sync {sync_id}"
    if spec["suspend"] is not (line is None) or (line and spec["schedule"] != line):
        yield f"its CronJob has schedule {spec['schedule']!r}, suspend {spec['suspend']}"
    if [owner["uid"] for owner in cronjob["metadata"]["ownerReferences"]] != [sync["metadata"]["uid"]]:
        yield "its CronJob belongs to somebody else"
