"""Runs without pods: the Job, the run on the server and its end are real, only nobody follows the run.

Each Job is made from its CronJob as the cluster makes it, but is ``managedBy`` us, so that the Job controller leaves it
alone, and we write its status. Looking for the run and telling of it is the operator's work, as ever.
"""

import asyncio
import json
import time
from typing import Any, Final

from benchmarks.clients import Cluster, Server
from benchmarks.crowd import Ref
from benchmarks.witness import Witness
from benchmarks.work import timestamp

__all__ = ["Runs"]

_LOOK: Final = 1.0
_SCHEDULED: Final = "batch.kubernetes.io/cronjob-scheduled-timestamp"


class Runs:
    """Hands that let Syncs run.

    Args:
        cluster: where the Jobs are made.
        witness: sees what the operator tells of them.
        servers: by namespace.
    """

    def __init__(self, cluster: Cluster, witness: Witness, servers: dict[str, Server]) -> None:
        self._cluster = cluster
        self._witness = witness
        self._servers = servers
        self._last: dict[Ref, int] = {}

    async def run(self, ref: Ref) -> float:
        """Let a Sync run once; seconds from the end of its Job until its status has told of the run."""
        job = await self._begin(ref)
        server, sync_id = self._servers[ref.namespace], self._witness.sync_id(ref)
        await server.call("POST", "/schedule_syncs", {"schedule_sync": {"sync_id": int(sync_id)}})
        await self._follow(server, ref, sync_id)
        ended = time.monotonic()
        await self._tell(
            ref, job, {"active": 0, "succeeded": 1, "completionTime": timestamp(), "conditions": _complete()}
        )
        return await self._witness.told(ref, job) - ended

    async def _begin(self, ref: Ref) -> str:
        """Make the Job, and say that it has begun; its name."""
        cronjob = await self._cluster.get(f"/apis/batch/v1/namespaces/{ref.namespace}/cronjobs/{ref.name}")
        template, name = cronjob["spec"]["jobTemplate"], f"{ref.name}-{int(time.time())}"
        owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": ref.name, "uid": cronjob["metadata"]["uid"]}
        manifest = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": name,
                "labels": template["metadata"]["labels"],
                "annotations": template["metadata"]["annotations"] | {_SCHEDULED: timestamp()},
                "ownerReferences": [owner | {"controller": True, "blockOwnerDeletion": True}],
            },
            "spec": template["spec"] | {"managedBy": "squared.ai/benchmark"},
        }
        await self._cluster.call("POST", f"/apis/batch/v1/namespaces/{ref.namespace}/jobs", manifest)
        await self._tell(ref, name, {"active": 1, "startTime": timestamp()})
        return name

    async def _follow(self, server: Server, ref: Ref, sync_id: str) -> None:
        """Wait until there is a run that is newer than the last one, and has ended."""
        while True:
            listed = json.loads(await server.call("GET", f"/syncs/{sync_id}/sync_runs?per_page=1"))["data"]
            for run in listed:
                if int(run["id"]) != self._last.get(ref) and run["attributes"]["finished_at"]:
                    self._last[ref] = int(run["id"])
                    return
            await asyncio.sleep(_LOOK)

    async def _tell(self, ref: Ref, job: str, status: dict[str, Any]) -> None:
        path = f"/apis/batch/v1/namespaces/{ref.namespace}/jobs/{job}/status"
        await self._cluster.call("PATCH", path, {"status": status})


def _complete() -> list[dict[str, Any]]:
    stamp = {"status": "True", "lastTransitionTime": timestamp(), "lastProbeTime": timestamp()}
    return [{"type": kind, "reason": "CompletionsReached", **stamp} for kind in ("SuccessCriteriaMet", "Complete")]
