"""The floor: a program that makes the necessary requests for every Sync, 16 side by side, and no others.

It lists once, watches nothing, remembers nothing, decodes only what it reads, does not load kopf, and ends when all is
done. Nothing that does the work can cost less, with these clients.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

import uvloop

from benchmarks.clients import AT_ONCE, Cluster, Server, open_cluster
from benchmarks.work import CRONJOBS, NAMESPACE, SYNCS, Phase, cronjob, made_at, mark, server_body, status

_NOT_KEPT: Final = {"sync_interval", "sync_interval_unit"}
"""What the server takes, and has no use for in a sync that others schedule."""


async def _run(phase: Phase) -> None:
    cluster = open_cluster()
    syncs: list[dict[str, Any]] = (await cluster.get(SYNCS))["items"]
    server = await cluster.server_of(NAMESPACE)
    match phase:
        case Phase.CREATE:
            await _each(syncs, lambda sync: _create(cluster, server, sync))
        case Phase.UPDATE:
            await _each(syncs, lambda sync: _update(cluster, server, sync))
        case Phase.DELETE:
            await _each(syncs, lambda sync: _delete(cluster, server, sync))
        case Phase.COMPARE:
            await _compare(server, syncs)
        case Phase.RESTART:
            pass  # listed and decoded: that is all
    await server.close()
    await cluster.http.close()


async def _create(cluster: Cluster, server: Server, sync: dict[str, Any]) -> None:
    path = f"{SYNCS}/{sync['metadata']['name']}"
    await cluster.call("PATCH", path, mark())
    made = json.loads(await server.call("POST", "/syncs", server_body(sync["spec"])))["data"]
    sync_id, registered_at = str(made["id"]), made_at(made)
    await cluster.call("POST", CRONJOBS, cronjob(sync, sync_id, registered_at))
    await cluster.call("PATCH", f"{path}/status", status(sync, sync_id, registered_at))


async def _update(cluster: Cluster, server: Server, sync: dict[str, Any]) -> None:
    """The schedule stays, so the CronJob does: one request to either side."""
    sync_id, registered_at = sync["status"]["id"], sync["status"]["registeredAt"]
    await server.call("PUT", f"/syncs/{sync_id}", server_body(sync["spec"]))
    await cluster.call("PATCH", f"{SYNCS}/{sync['metadata']['name']}/status", status(sync, sync_id, registered_at))


async def _delete(cluster: Cluster, server: Server, sync: dict[str, Any]) -> None:
    name = sync["metadata"]["name"]
    await cluster.call("DELETE", f"{CRONJOBS}/{name}?propagationPolicy=Background")
    await server.call("DELETE", f"/syncs/{sync['status']['id']}")
    await cluster.call("PATCH", f"{SYNCS}/{name}", {"metadata": {"finalizers": []}})


async def _compare(server: Server, syncs: list[dict[str, Any]]) -> None:
    listed = json.loads(await server.call("GET", f"/syncs?page=1&per_page={len(syncs)}"))["data"]
    found = {entry["id"]: entry["attributes"] for entry in listed}
    for sync in syncs:
        there, sent = found[sync["status"]["id"]], server_body(sync["spec"])["sync"]
        if any(there[name] != value for name, value in sent.items() if name not in _NOT_KEPT):
            raise RuntimeError(f"{sync['metadata']['name']} has drifted")


async def _each(syncs: list[dict[str, Any]], work: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    waiting = iter(syncs)

    async def worker() -> None:
        for sync in waiting:
            await work(sync)

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


if __name__ == "__main__":
    uvloop.run(_run(Phase(sys.argv[1])))
