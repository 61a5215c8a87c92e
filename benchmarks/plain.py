"""The yardstick: an operator as kopf's own documentation writes one, with kopf's settings as they come.

It is quick for what it is: handlers are asynchronous, the session is shared with kopf, the event loop is uvloop's. It
does without all that keeps promises: no fence around a create, no comparison, no retries of its own.
"""

from typing import Any

import kopf
import uvloop

from benchmarks.work import NAMESPACE, Cluster, Server, cronjob, server_body, status
from sync_operator.cluster.login import open_session
from sync_operator.model.names import GROUP, VERSION


class _Plain:
    """The handlers, and what they share."""

    def __init__(self, cluster: Cluster, server: Server) -> None:
        self._cluster = cluster
        self._server = server

    async def created(self, body: kopf.Body, spec: kopf.Spec, patch: kopf.Patch, **_: Any) -> None:
        made = await self._server.call("POST", "/syncs", server_body(spec))
        sync_id = str(made["data"]["id"])
        await self._cluster.create_cronjob(cronjob(body, sync_id))
        patch.status.update(status(body, sync_id)["status"])

    async def updated(self, body: kopf.Body, spec: kopf.Spec, patch: kopf.Patch, **_: Any) -> None:
        sync_id = body["status"]["id"]
        await self._server.call("PUT", f"/syncs/{sync_id}", server_body(spec))
        patch.status.update(status(body, sync_id)["status"])

    async def deleted(self, body: kopf.Body, **_: Any) -> None:
        await self._cluster.delete_cronjob(body["metadata"]["namespace"], body["metadata"]["name"])
        await self._server.call("DELETE", f"/syncs/{body['status']['id']}")


async def _run() -> None:
    session = open_session()
    cluster = Cluster(session.server, session.http)
    server = await cluster.server(NAMESPACE)
    plain, registry = _Plain(cluster, server), kopf.OperatorRegistry()
    kopf.on.create(GROUP, VERSION, "syncs", registry=registry)(plain.created)
    kopf.on.update(GROUP, VERSION, "syncs", field="spec", registry=registry)(plain.updated)
    kopf.on.delete(GROUP, VERSION, "syncs", registry=registry)(plain.deleted)

    @kopf.on.login(registry=registry)
    async def login(**_: object) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=session.server, aiohttp_session=session.kopf)

    await kopf.operator(registry=registry, standalone=True, clusterwide=True)
    await server.close()


if __name__ == "__main__":
    uvloop.run(_run())
