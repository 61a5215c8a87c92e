"""A process of ours in this test, which looks after Connectors and Models of one namespace, one reconcile at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from tests.support.running import TOKEN, Sandbox
from tests.support.syncs import MAPPING, Tenant

from sync_operator.api.constants import API_VERSION, CONNECTOR_KIND, MODEL_KIND, SYNC_KIND
from sync_operator.controller.connector.connector_reconciler import CONNECTOR_STEPS
from sync_operator.controller.connector.registered_connector import REGISTERED_CONNECTOR
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.drift import drift_reconciler
from sync_operator.controller.informer.event_handlers import _Handlers
from sync_operator.controller.informer.store import NamespacedName
from sync_operator.controller.model.model_reconciler import MODEL_STEPS
from sync_operator.controller.model.registered_model import REGISTERED_MODEL
from sync_operator.controller.registration.reconcile_loop import ReconcileSteps, reconcile_registered
from sync_operator.controller.sync.registered_sync import REGISTERED_SYNC
from sync_operator.controller.sync.sync_reconciler import SYNC_STEPS
from sync_operator.controller.workqueue.workqueue import Key, Result, WorkQueue
from sync_operator.controller.workspace.connections import WorkspaceConnections
from sync_operator.controller.workspace.workspace_connection import WorkspaceConnection
from sync_operator.domain.snapshot import RunnerConfig
from sync_operator.domain.status.event_specs import EventSpec
from sync_operator.domain.workspace_view import WorkspaceView
from sync_operator.kubernetes.auth.cluster_auth import ClusterSession
from sync_operator.kubernetes.event_recorder import EventRecorder
from sync_operator.kubernetes.kube_client import KubeClient
from sync_operator.kubernetes.resources import CONFIG_MAPS, CONNECTORS, MODELS, SECRETS, SYNCS, Resource
from sync_operator.syncapi.client import ApiClient, Endpoint
from sync_operator.syncapi.http.connection_pool import PoolManager
from sync_operator.syncapi.types import Dialect
from sync_operator.util.host_patterns import EgressPolicy

__all__ = ["DESTINATION", "MASK", "PASSWORD", "SOURCE", "Process", "create", "is_gone", "running_process"]

MASK = "*************"
PASSWORD = "correct-horse-battery"
SOURCE: dict[str, Any] = {
    "connectorType": "source",
    "connectorName": "Postgresql",
    "configuration": {
        "data_type": "structured",
        "host": "db.example.com",
        "port": "5432",
        "database": "shop",
        "schema": "public",
        "credentials": {"auth_type": "username/password", "username": "reader"},
    },
    "configurationSecrets": [
        {"pointer": "/credentials/password", "secretKeyRef": {"name": "warehouse", "key": "password"}}
    ],
}
DESTINATION: dict[str, Any] = {
    "connectorType": "destination",
    "connectorName": "Hubspot",
    "configuration": {},
    "configurationSecrets": [{"pointer": "/access_token", "secretKeyRef": {"name": "warehouse", "key": "password"}}],
}
_SHARED = ("GET /connectors", "GET /models", "GET /connector_definitions")
_SECONDS = 5.0
"""Timeout of a request."""


class _Queue(WorkQueue):
    """A work queue that notes what is added."""

    def __init__(self) -> None:
        super().__init__(workers=1)
        self.added: list[Key] = []

    def add(self, key: Key, *, first: bool = False) -> None:
        self.added.append(key)
        super().add(key, first=first)


class _Events(EventRecorder):
    """Notes the events."""

    def __init__(self, kube: KubeClient) -> None:
        super().__init__(kube, busy=lambda: False)
        self.told: list[EventSpec] = []

    def record(self, obj: Any, notice: EventSpec, *, now: datetime) -> None:  # noqa: ARG002 - as its base
        self.told.append(notice)


@dataclass
class Process:
    """One process, and what tests ask of the namespace that it looks after.

    Attributes:
        dialect: of the server.
        ahead: by how much its clock is ahead.
        settle: how long after a create without an answer the server may still carry it out; read at the next start.
    """

    kube: KubeClient
    namespace: str
    sandbox: Sandbox
    pool: PoolManager
    dialect: Dialect = Dialect.MULTIWOVEN
    queue: _Queue = field(init=False)
    events: _Events = field(init=False)
    context: ControllerContext = field(init=False)
    ahead: timedelta = timedelta()
    settle: timedelta = timedelta()

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """A new process, which knows nothing yet."""
        nothing = cast("Any", None)
        self.queue, self.events = _Queue(), _Events(self.kube)
        connections = WorkspaceConnections(
            nothing,
            nothing,
            self.pool,
            clock=self.now,
            wake=lambda _: None,
            max_concurrency=1,
            observe_request=lambda *_: None,
            forget_scope=lambda _: None,
        )
        self.context = ControllerContext(
            kube=self.kube,
            connections=connections,
            queue=self.queue,
            events=self.events,
            runner_config=RunnerConfig(image="runner:1"),
            uid="process",
            clock=self.now,
            drift_period=timedelta(seconds=60),
            create_settle=self.settle,
            cluster="here",
            kinds=(REGISTERED_CONNECTOR, REGISTERED_MODEL, REGISTERED_SYNC),
        )
        url, dialect = self.sandbox.url, self.dialect
        view = WorkspaceView("default", url=url, workspace_id="1", dialect=dialect, timeout_seconds=_SECONDS)
        client = ApiClient(Endpoint(url, "1", dialect, _SECONDS), token=lambda: TOKEN, pool=self.pool)
        connection = WorkspaceConnection(view, client, token=TOKEN).with_verdict(accepted=True)
        assert connections.replace(self.home, connection, instead_of=None)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    @property
    def home(self) -> NamespacedName:
        return NamespacedName(self.namespace, "default")

    async def secret(self, value: str = PASSWORD, name: str = "warehouse") -> None:
        """Create or change the Secret that the specs of this module name."""
        await self.secret_of(name, {"password": value})

    async def secret_of(self, name: str, texts: Mapping[str, str]) -> None:
        """Create or change a Secret."""
        manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": texts}
        await self._put(SECRETS, manifest, {"stringData": texts})

    async def config_map(self, query: str, name: str = "queries") -> None:
        """Create or change a ConfigMap with a query."""
        manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"query": query}}
        await self._put(CONFIG_MAPS, manifest, {"data": {"query": query}})

    async def connector(self, name: str = "shop", **spec: Any) -> None:
        """Create a Connector, or change fields of its spec."""
        await self._apply(CONNECTORS, CONNECTOR_KIND, name, spec)

    async def model(self, name: str = "orders", **spec: Any) -> None:
        """Create a Model, or change fields of its spec."""
        await self._apply(MODELS, MODEL_KIND, name, spec)

    async def sync(self, name: str = "orders", **spec: Any) -> None:
        """Create a manual Sync, or change fields of its spec."""
        usual = {"scheduleType": "manual", "streamName": "contacts", "configuration": MAPPING}
        await self._apply(SYNCS, SYNC_KIND, name, usual | spec)

    async def annotate(self, kind: str, name: str, **annotations: str) -> None:
        patch = {
            "metadata": {
                "annotations": {f"squared.ai/{key.replace('_', '-')}": value for key, value in annotations.items()}
            }
        }
        await self.kube.merge_patch(_resource(kind), self.namespace, name, patch)

    async def get(self, kind: str, name: str) -> dict[str, Any] | None:
        return await self.kube.get(_resource(kind), self.namespace, name)

    async def delete(self, kind: str, name: str) -> None:
        await self.kube.delete(_resource(kind), self.namespace, name)

    async def tell(self, kind: str, name: str) -> None:
        """What the watch tells of a resource."""
        obj = await self.get(kind, name)
        assert obj is not None
        self.context.store.put(kind, obj)
        self.context.registrations[kind].observe_event(obj, self.now())

    async def reconcile(self, kind: str = CONNECTOR_KIND, name: str = "shop") -> Result:
        """What the watch tells, and a reconcile."""
        await self.tell(kind, name)
        steps = {CONNECTOR_KIND: CONNECTOR_STEPS, MODEL_KIND: MODEL_STEPS, SYNC_KIND: SYNC_STEPS}[kind]
        key = Key(kind, self.namespace, name)
        return await asyncio.wait_for(reconcile_registered(cast("ReconcileSteps[Any]", steps), self.context, key), 60)

    async def release(self, kind: str, name: str) -> None:
        """The object goes without the operator, as with a cluster that is lost."""
        await self.kube.merge_patch(_resource(kind), self.namespace, name, {"metadata": {"finalizers": []}})
        await self.kube.delete(_resource(kind), self.namespace, name)

    async def watched(self, kind: str, event_type: str, obj: dict[str, Any]) -> None:
        """An event of the watch."""
        await _Handlers(self.context).on_resource(kind, {"type": event_type, "object": obj})

    async def gone(self, kind: str, name: str) -> None:
        """What the watch tells of an object that is gone."""
        held = self.context.store.get(kind, NamespacedName(self.namespace, name))
        assert held is not None
        assert await self.get(kind, name) is None
        await self.watched(kind, "DELETED", held)

    async def compare(self) -> None:
        """The periodic comparison with the server."""
        connection = self.context.connections.get(self.home)
        assert connection is not None
        assert connection.client is not None
        assert connection.scope is not None
        self.context.comparisons.failed(self.home, "not begun")
        kinds = (CONNECTOR_STEPS, MODEL_STEPS)
        await drift_reconciler._compare(kinds, self.context, self.home, connection.scope, connection.client)

    async def resync(self, kind: str = CONNECTOR_KIND, name: str = "shop", *, minutes: int = 1) -> bool:
        """Compare that many minutes later, and reconcile what that queues; whether it queued the resource."""
        self.ahead += timedelta(minutes=minutes)
        self.queue.added.clear()
        await self.compare()
        queued = Key(kind, self.namespace, name) in self.queue.added
        if queued:
            await self.reconcile(kind, name)
        return queued

    async def status(self, kind: str = CONNECTOR_KIND, name: str = "shop") -> dict[str, Any]:
        obj = await self.get(kind, name)
        assert obj is not None
        found: dict[str, Any] = obj["status"]
        return found

    async def told(
        self, condition: str = "Ready", kind: str = CONNECTOR_KIND, name: str = "shop"
    ) -> tuple[str, str, str]:
        """Status, reason and message of a condition."""
        conditions = (await self.status(kind, name))["conditions"]
        [entry] = [each for each in conditions if each["type"] == condition]
        return entry["status"], entry["reason"], entry["message"]

    def after_list(self, happens: Callable[[], object]) -> None:
        """Let something happen on the server right after the next list of connectors was answered."""
        lists = self.context.registrations[CONNECTOR_KIND].lists
        fetch = lists.fetch

        async def then(*args: Any, **options: Any) -> Any:
            found = await fetch(*args, **options)
            lists.fetch = fetch  # type: ignore[method-assign]
            happens()
            return found

        lists.fetch = then  # type: ignore[method-assign]

    def calls(self) -> list[str]:
        """The requests since the last `forget`, in order, without those whose answers serve all resources."""
        found = [f"{entry['method']} {entry['path'].removeprefix('/api/v1')}" for entry in self.sandbox.requests()]
        return [call for call in found if call not in _SHARED]

    def forget(self) -> None:
        self.sandbox.forget_requests()

    def stored(self, kind: str = "connectors") -> list[dict[str, Any]]:
        """What the server holds, with secrets in clear text."""
        found: list[dict[str, Any]] = self.sandbox.state()[kind]
        return found

    async def _apply(self, resource: Resource, kind: str, name: str, spec: dict[str, Any]) -> None:
        manifest = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
        await self._put(resource, manifest, {"spec": spec})

    async def _put(self, resource: Resource, manifest: dict[str, Any], patch: dict[str, Any]) -> None:
        if await self.kube.merge_patch(resource, self.namespace, manifest["metadata"]["name"], patch) is None:
            await self.kube.create(resource, self.namespace, manifest)


@asynccontextmanager
async def running_process(
    session: ClusterSession, namespace: str, sandbox: Sandbox, dialect: Dialect = Dialect.MULTIWOVEN
) -> AsyncIterator[Process]:
    """A process, and an end at which no finalizer of the namespace is left."""
    pool = PoolManager(EgressPolicy(insecure=("127.0.0.1",), internal=("127.0.0.1",)))
    process = Process(KubeClient(session), namespace, sandbox, pool, dialect)
    yield process
    for resource in (CONNECTORS, MODELS, SYNCS):
        for obj in await process.kube.list(resource, namespace):
            await process.kube.merge_patch(
                resource, namespace, obj["metadata"]["name"], {"metadata": {"finalizers": []}}
            )
    await pool.aclose()


def create(tenant: Tenant, kind: str, name: str, **spec: Any) -> dict[str, Any]:
    """Create a resource of ours, of any kind."""
    manifest = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
    return tenant.kube.create(manifest, tenant.namespace)


def is_gone(tenant: Tenant, kind: str, name: str) -> bool:
    """True once the cluster has no such resource."""
    found = tenant.kube.resource(kind).get(namespace=tenant.namespace).items
    return all(obj["metadata"]["name"] != name for obj in found)


def _resource(kind: str) -> Resource:
    return {CONNECTOR_KIND: CONNECTORS, MODEL_KIND: MODELS, SYNC_KIND: SYNCS}[kind]
