"""The floor of pipelines: the requests that the operator makes for each, 16 pipelines side by side, and no others.

It lists each kind once, watches nothing, and decodes only what it reads, as the floor of Syncs.
"""

import asyncio
import base64
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

import uvloop

from benchmarks.clients import AT_ONCE, Cluster, Server, open_cluster
from benchmarks.pipeline_work import (
    CONNECTORS,
    EVENTS,
    MODELS,
    SECRETS,
    connector_body,
    connector_status,
    event,
    model_body,
    model_status,
)
from benchmarks.work import CRONJOBS, JOBS, NAMESPACE, SYNCS, Phase, cronjob, made_at, mark, server_body, status
from sync_operator.api.constants import (
    CONNECTOR_FINALIZER,
    CONNECTOR_KIND,
    FINALIZER,
    MODEL_FINALIZER,
    MODEL_KIND,
    SYNC_KIND,
)

_COLLECTIONS: Final = {CONNECTORS: "connectors", MODELS: "models", SYNCS: "syncs"}
type _Object = dict[str, Any]
type _Objects = dict[str, dict[str, _Object]]
"""The resources by their path and name."""


async def _run(phase: Phase) -> None:
    cluster = open_cluster()
    objects: _Objects = {}
    for path in _COLLECTIONS:
        listed = (await cluster.get(path))["items"]
        objects[path] = {obj["metadata"]["name"]: obj for obj in listed}
    server = await cluster.server_of(NAMESPACE)
    pipelines = [_Pipeline(cluster, server, objects, sync) for sync in objects[SYNCS].values()]
    match phase:
        case Phase.CREATE:
            await _each(pipelines, _Pipeline.create)
        case Phase.DELETE:
            await _each(pipelines, _Pipeline.delete)
        case Phase.COMPARE:
            for collection in _COLLECTIONS.values():
                json.loads(await server.call("GET", f"/{collection}?page=1&per_page={2 * len(pipelines)}"))
        case _:
            pass  # listed and decoded: that is all
    await server.close()
    await cluster.http.close()


class _Pipeline:
    """The resources that a Sync refers to, and itself."""

    def __init__(self, cluster: Cluster, server: Server, objects: _Objects, sync: _Object) -> None:
        self._cluster, self._server, self._sync = cluster, server, sync
        refs = {name: sync["spec"][f"{name}Ref"]["name"] for name in ("source", "destination", "model")}
        self._source, self._destination = (objects[CONNECTORS][refs[name]] for name in ("source", "destination"))
        self._model = objects[MODELS][refs["model"]]

    async def create(self) -> None:
        source = await self._connector(self._source)
        destination = await self._connector(self._destination)
        await self._mark(MODELS, self._model, MODEL_FINALIZER)
        model = await self._create(MODELS, model_body(self._model, source))
        await self._report(MODELS, self._model, MODEL_KIND, model_status(self._model, model, source))

        await self._mark(SYNCS, self._sync, FINALIZER)
        ids = {"sourceId": int(source), "destinationId": int(destination), "modelId": int(model["id"])}
        sync = self._sync | {"spec": self._sync["spec"] | ids}
        made = await self._create(SYNCS, server_body(sync["spec"]))
        sync_id, at = str(made["id"]), made_at(made)
        await self._cluster.call("POST", CRONJOBS, cronjob(sync, sync_id, at))
        await self._report(SYNCS, sync, SYNC_KIND, status(sync, sync_id, at))

    async def delete(self) -> None:
        name = self._sync["metadata"]["name"]
        await self._cluster.call("DELETE", f"{CRONJOBS}/{name}?propagationPolicy=Background")
        await self._cluster.call("GET", f"{JOBS}?labelSelector=squared.ai%2Fsync%3D{name}")
        await self._delete(SYNCS, self._sync, SYNC_KIND)
        await self._delete(MODELS, self._model, MODEL_KIND)
        for connector in (self._destination, self._source):
            await self._delete(CONNECTORS, connector, CONNECTOR_KIND)

    async def _connector(self, connector: _Object) -> str:
        await self._mark(CONNECTORS, connector, CONNECTOR_FINALIZER)
        [entry] = connector["spec"]["configurationSecrets"]
        ref = entry["secretKeyRef"]
        secret = await self._cluster.get(f"{SECRETS}/{ref['name']}")
        value = base64.b64decode(secret["data"][ref["key"]]).decode()
        made = await self._create(CONNECTORS, connector_body(connector, value))
        streams = list[str]()
        if connector["spec"]["connectorType"] == "destination":
            found = json.loads(await self._server.call("GET", f"/connectors/{made['id']}/discover?refresh=false"))
            streams = [stream["name"] for stream in found["data"]["attributes"]["catalog"]["streams"]]
        await self._report(CONNECTORS, connector, CONNECTOR_KIND, connector_status(connector, made, streams))
        return str(made["id"])

    async def _mark(self, path: str, obj: _Object, finalizer: str) -> None:
        await self._cluster.call("PATCH", f"{path}/{obj['metadata']['name']}", mark(finalizer))

    async def _create(self, path: str, body: _Object) -> _Object:
        made: _Object = json.loads(await self._server.call("POST", f"/{_COLLECTIONS[path]}", body))["data"]
        return made

    async def _report(self, path: str, obj: _Object, kind: str, found: _Object) -> None:
        await self._cluster.call("PATCH", f"{path}/{obj['metadata']['name']}/status", found)
        ready = found["status"]["conditions"][0]
        await self._cluster.call("POST", EVENTS, event(obj, kind, ready["reason"], ready["message"]))

    async def _delete(self, path: str, obj: _Object, kind: str) -> None:
        remote = f"/{_COLLECTIONS[path]}/{obj['status']['id']}"
        await self._server.call("GET", remote)
        await self._server.call("DELETE", remote)
        await self._cluster.call("PATCH", f"{path}/{obj['metadata']['name']}", {"metadata": {"finalizers": []}})
        await self._cluster.call("POST", EVENTS, event(obj, kind, "Deleted", f"deleted {remote}"))


async def _each(pipelines: list[_Pipeline], work: Callable[[_Pipeline], Awaitable[None]]) -> None:
    waiting = iter(pipelines)

    async def worker() -> None:
        for pipeline in waiting:
            await work(pipeline)

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


if __name__ == "__main__":
    uvloop.run(_run(Phase(sys.argv[1])))
