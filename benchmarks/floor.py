"""The floor: a program that makes the necessary requests for every Sync, 16 side by side, and no others.

It watches nothing, retries nothing, remembers nothing and ends when all is done: nothing that does the work can cost
less, with these clients.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

import uvloop

from benchmarks.work import NAMESPACE, Cluster, Phase, Server, cronjob, server_body, status
from sync_operator.cluster.login import open_session
from sync_operator.model.names import FINALIZER

_AT_ONCE: Final = 16


async def _run(phase: Phase) -> None:
    session = open_session()
    cluster = Cluster(session.server, session.http)
    syncs = await cluster.syncs(NAMESPACE)
    server = await cluster.server(NAMESPACE)
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
    await session.http.close()


async def _create(cluster: Cluster, server: Server, sync: dict[str, Any]) -> None:
    await cluster.write(sync, {"metadata": {"finalizers": [FINALIZER]}})
    made = await server.call("POST", "/syncs", server_body(sync["spec"]))
    sync_id = str(made["data"]["id"])
    await cluster.create_cronjob(cronjob(sync, sync_id))
    await cluster.write(sync, status(sync, sync_id), "/status")


async def _update(cluster: Cluster, server: Server, sync: dict[str, Any]) -> None:
    """The schedule stays, so the CronJob does: one request to either side."""
    sync_id = sync["status"]["id"]
    await server.call("PUT", f"/syncs/{sync_id}", server_body(sync["spec"]))
    await cluster.write(sync, status(sync, sync_id), "/status")


async def _delete(cluster: Cluster, server: Server, sync: dict[str, Any]) -> None:
    metadata = sync["metadata"]
    await cluster.delete_cronjob(metadata["namespace"], metadata["name"])
    await server.call("DELETE", f"/syncs/{sync['status']['id']}")
    await cluster.write(sync, {"metadata": {"finalizers": []}})


async def _compare(server: Server, syncs: list[dict[str, Any]]) -> None:
    wanted = {sync["status"]["id"]: server_body(sync["spec"])["sync"] for sync in syncs}
    page: int | None = 1
    while page is not None:
        answer = await server.call("GET", f"/syncs?page={page}&per_page=100")
        for listed in answer["data"]:
            found = listed["attributes"]
            sent = wanted.get(str(listed["id"]), {})
            if sent and found["configuration"] != sent["configuration"]:
                raise RuntimeError(f"sync {listed['id']} has drifted")
        page = page + 1 if answer["data"] else None


async def _each(syncs: list[dict[str, Any]], work: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    waiting = iter(syncs)

    async def worker() -> None:
        for sync in waiting:
            await work(sync)

    await asyncio.gather(*(worker() for _ in range(_AT_ONCE)))


if __name__ == "__main__":
    uvloop.run(_run(Phase(sys.argv[1])))
