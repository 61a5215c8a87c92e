"""The yardstick: an operator as kopf's documentation writes one, with kopf's settings as they come.

It is quick for what it is: handlers are asynchronous, the session is shared with kopf, the event loop is uvloop's, and
nothing is logged or told in events. It does without all that keeps promises: no fence around a create, no comparison.
It resumes nothing: it keeps nothing in memory, and a handler for that would cost each update a write more.
"""

import json
from typing import Any

import kopf
import uvloop

from benchmarks.clients import Cluster, Server, open_cluster
from benchmarks.work import CRONJOBS, NAMESPACE, cronjob, made_at, server_body, status
from sync_operator.api.constants import GROUP, VERSION


class _Plain:
    """The handlers, and what they share."""

    def __init__(self, cluster: Cluster, server: Server) -> None:
        self._cluster = cluster
        self._server = server

    async def created(self, body: kopf.Body, spec: kopf.Spec, patch: kopf.Patch, **_: Any) -> None:
        made = json.loads(await self._server.call("POST", "/syncs", server_body(spec)))["data"]
        sync_id, registered_at = str(made["id"]), made_at(made)
        await self._cluster.call("POST", CRONJOBS, cronjob(body, sync_id, registered_at))
        patch.status.update(status(body, sync_id, registered_at)["status"])

    async def updated(self, body: kopf.Body, spec: kopf.Spec, patch: kopf.Patch, **_: Any) -> None:
        sync_id, registered_at = body.status["id"], body.status["registeredAt"]
        await self._server.call("PUT", f"/syncs/{sync_id}", server_body(spec))
        patch.status.update(status(body, sync_id, registered_at)["status"])

    async def deleted(self, body: kopf.Body, name: str, **_: Any) -> None:
        await self._cluster.call("DELETE", f"{CRONJOBS}/{name}?propagationPolicy=Background")
        await self._server.call("DELETE", f"/syncs/{body.status['id']}")


async def _run() -> None:
    cluster = open_cluster()
    server = await cluster.server_of(NAMESPACE)
    plain, registry = _Plain(cluster, server), kopf.OperatorRegistry()
    kopf.on.create(GROUP, VERSION, "syncs", registry=registry)(plain.created)
    kopf.on.update(GROUP, VERSION, "syncs", field="spec", registry=registry)(plain.updated)
    kopf.on.delete(GROUP, VERSION, "syncs", registry=registry)(plain.deleted)

    @kopf.on.login(registry=registry)
    async def login(**_: object) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=cluster.server, aiohttp_session=cluster.http)

    await kopf.operator(registry=registry, standalone=True, clusterwide=True)
    await server.close()


if __name__ == "__main__":
    uvloop.run(_run())
