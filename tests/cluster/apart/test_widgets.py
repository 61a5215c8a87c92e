"""A second kind through the real reconcile loop: a real API server on one side, a server over loopback on the other."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import pytest
from aiohttp import web
from tests.support.plane import Plane
from tests.support.syncs import Tenant
from tests.unit.domain.registration.widgets import (
    FINALIZER,
    MARK,
    MASK,
    STRANGER,
    WIDGET,
    Fate,
    Server,
    WidgetSnapshot,
    WidgetSpec,
    WidgetStatus,
    WidgetView,
    digest,
)

from sync_operator.api.base import Model
from sync_operator.api.constants import API_VERSION, GROUP, SYNC_KIND, VERSION
from sync_operator.api.constants import FINALIZER as SYNC_FINALIZER
from sync_operator.api.enums import AdoptionPolicy
from sync_operator.api.statuses.conditions import ConditionType, Reason
from sync_operator.api.statuses.status_fields import Condition
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.drift import drift_reconciler
from sync_operator.controller.informer.store import NamespacedName, Store
from sync_operator.controller.registration.observe_registration import list_scope, observe_registration
from sync_operator.controller.registration.reconcile_loop import ReconcileSteps, reconcile_registered
from sync_operator.controller.registration.registered_kind import RegisteredKind
from sync_operator.controller.sync.registered_sync import REGISTERED_SYNC
from sync_operator.controller.workqueue.workqueue import Key, Result, WorkQueue
from sync_operator.controller.workspace.connections import WorkspaceConnections
from sync_operator.controller.workspace.workspace_connection import WorkspaceConnection
from sync_operator.domain.blocker import Blocker
from sync_operator.domain.registration.deletion_step import deletion_blocker, deletion_step
from sync_operator.domain.registration.desired_state import is_registered
from sync_operator.domain.registration.preconditions import registration_blocker
from sync_operator.domain.registration.registration_step import registration_step
from sync_operator.domain.snapshot import RunnerConfig
from sync_operator.domain.status.event_specs import EventSpec, ready_event, registration_event
from sync_operator.domain.status.registered_condition import registered_condition, registered_fields
from sync_operator.domain.status.set_conditions import set_conditions
from sync_operator.domain.workspace_view import WorkspaceView
from sync_operator.errors import RejectedError
from sync_operator.kubernetes.auth.cluster_auth import ClusterSession
from sync_operator.kubernetes.event_recorder import EventRecorder
from sync_operator.kubernetes.kube_client import KubeClient
from sync_operator.kubernetes.resources import SECRETS, Resource
from sync_operator.syncapi.client import ApiClient, Endpoint
from sync_operator.syncapi.collection import CollectionPath
from sync_operator.syncapi.http.connection_pool import PoolManager
from sync_operator.syncapi.types import Dialect, RemoteResource
from sync_operator.util.host_patterns import EgressPolicy

pytestmark = pytest.mark.timeout(180)

KIND: Final = "Widget"
WIDGETS: Final = Resource(f"/apis/{GROUP}/{VERSION}", "widgets")
SECONDS: Final = 5.0
"""Timeout of a request."""
OPEN: Final = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
CRD: Final = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"widgets.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"kind": KIND, "plural": "widgets", "singular": "widget"},
        "versions": [
            {
                "name": VERSION,
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": OPEN, "status": OPEN}}},
            }
        ],
    },
}


def parse_widget(body: Any) -> RemoteResource | None:
    resource = body.get("data", body)
    shown = resource["attributes"]
    times = {name: datetime.fromisoformat(shown[name]) for name in ("created_at", "updated_at")}
    attributes = {name: shown[name] for name in ("name", "family", "description", "configuration")}
    return RemoteResource(resource["id"], attributes, **times)


class Written(Model):
    """The status as the cluster has it."""

    observed_generation: int = -1
    id: str | None = None
    workspace_id: str | None = None
    url: str | None = None
    registered_at: datetime | None = None
    account: str | None = None
    origin: str | None = None
    drift: tuple[str, ...] = ()
    digest: str = ""
    server_updated_at: datetime | None = None
    conditions: tuple[Condition, ...] = ()


def view(obj: Mapping[str, Any]) -> WidgetView:
    metadata, spec, status = obj["metadata"], dict(obj["spec"]), Written.model_validate(obj.get("status", {}))
    return WidgetView(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata["generation"],
        resource_version=metadata["resourceVersion"],
        created_at=datetime.fromisoformat(metadata["creationTimestamp"]),
        status=WidgetStatus(**{entry.name: getattr(status, entry.name) for entry in fields(WidgetStatus)}),
        spec=WidgetSpec(
            external_id=spec.pop("externalId", None),
            adoption_policy=AdoptionPolicy(spec.pop("adoptionPolicy", AdoptionPolicy.ADOPT_OR_CREATE)),
            **spec,
        ),
        finalizers=tuple(metadata.get("finalizers", ())),
        annotations=metadata.get("annotations", {}),
        deleting="deletionTimestamp" in metadata,
    )


REGISTERED_WIDGET: Final = RegisteredKind[RemoteResource](
    kind=WIDGET,
    resource=WIDGETS,
    collection=lambda client: client.collection(CollectionPath("/widgets", "widget", "widget", parse_widget)),
    view=view,
)


def observe(context: ControllerContext, obj: Mapping[str, Any]) -> WidgetSnapshot:
    widget = view(obj)
    connection = context.connections.get(NamespacedName(widget.namespace, "default"))
    assert connection is not None
    scope = list_scope(connection, connection.view, widget)
    return WidgetSnapshot(**observe_registration(context, WIDGET, widget, connection.view, obj, scope), widget=widget)


def blockers(snapshot: WidgetSnapshot) -> tuple[Blocker, ...]:
    found = deletion_blocker(snapshot) if snapshot.widget.deleting else registration_blocker(snapshot)
    return (found,) if found is not None else ()


def status(snapshot: WidgetSnapshot) -> Written:
    before, blocker, remote = snapshot.widget.status, next(iter(blockers(snapshot)), None), snapshot.remote
    done = blocker is None and is_registered(snapshot) and remote is not None
    said = [registered_condition(snapshot, blocker)]
    conditions = set_conditions(said, before.conditions, generation=snapshot.widget.generation, now=snapshot.now)
    return Written(
        **registered_fields(snapshot),
        digest=digest(snapshot.secrets) if done and snapshot.secrets is not None else before.digest,
        server_updated_at=remote.updated_at if done and remote is not None else before.server_updated_at,
        conditions=conditions,
    )


def events(snapshot: WidgetSnapshot, before: WidgetStatus, after: Written) -> tuple[EventSpec, ...]:
    found = registration_event(snapshot, before, after) or ready_event(before, after)
    return (found,) if found is not None else ()


STEPS: Final = ReconcileSteps[WidgetSnapshot](
    kind=WIDGET,
    observe=observe,
    next_action=lambda snapshot: (deletion_step if snapshot.widget.deleting else registration_step)(snapshot),
    status=status,
    blockers=blockers,
    events=events,
)


class Served:
    """The server of widgets over HTTP.

    Attributes:
        calls: every request, in order.
        fates: of the creates to come.
        after_list: called once, right after the next list was answered.
    """

    def __init__(self) -> None:
        self.model = Server()
        self.calls: list[str] = []
        self.fates: list[Fate] = []
        self.after_list: Callable[[], object] | None = None
        self.url = ""

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        return self.model.rows

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_route("*", "/api/v1/widgets", self._collection)
        app.router.add_route("*", "/api/v1/widgets/{id}", self._single)
        app.router.add_get("/api/v1/users/me", self._whoami)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        self.url = f"http://127.0.0.1:{cast('Any', site._server).sockets[0].getsockname()[1]}"
        yield
        await runner.cleanup()

    def shown(self, row_id: str) -> dict[str, Any]:
        shown = self.model.shown(row_id)
        assert shown.created_at is not None
        assert shown.updated_at is not None
        times = {"created_at": shown.created_at.isoformat(), "updated_at": shown.updated_at.isoformat()}
        return {"id": row_id, "type": "widgets", "attributes": {**shown.attributes, **times}}

    def _note(self, request: web.Request) -> None:
        self.calls.append(f"{request.method} {request.path.removeprefix('/api/v1')}")
        self.model.now = datetime.now(UTC)

    async def _whoami(self, request: web.Request) -> web.Response:
        self._note(request)
        return web.json_response({"data": {"id": "1", "type": "users", "attributes": {"role": "Admin"}}})

    async def _collection(self, request: web.Request) -> web.StreamResponse:
        self._note(request)
        if request.method == "GET":
            rows = [self.shown(row_id) for row_id in self.rows]
            if self.after_list is not None:
                self.after_list()
                self.after_list = None
            return web.json_response({"data": rows, "links": {"next": None}})
        fate, body = self.fates.pop(0) if self.fates else Fate.DONE, (await request.json())["widget"]
        try:
            made = self.model.create(body) if fate is not Fate.LOST_BEFORE else ""
        except RejectedError as error:
            return web.json_response({"errors": [{"status": 422, "title": "Error", "detail": str(error)}]}, status=422)
        if fate is not Fate.DONE:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return web.json_response({"data": self.shown(made)}, status=201)

    async def _single(self, request: web.Request) -> web.StreamResponse:
        self._note(request)
        row_id = request.match_info["id"]
        if row_id not in self.rows:
            return web.json_response({"error": f"Couldn't find Widget with 'id'={row_id}"}, status=404)
        if request.method == "DELETE":
            del self.rows[row_id]
            return web.Response(status=204)
        if request.method == "PUT":
            self.model.update(row_id, (await request.json())["widget"])
        return web.json_response({"data": self.shown(row_id)})


class Queue(WorkQueue):
    """A work queue that notes what is added."""

    def __init__(self) -> None:
        super().__init__(workers=1)
        self.added: list[Key] = []

    def add(self, key: Key, *, first: bool = False) -> None:
        self.added.append(key)
        super().add(key, first=first)


@dataclass
class Team:
    """One Widget of a namespace, and a process of ours that looks after it."""

    kube: KubeClient
    namespace: str
    served: Served
    pool: PoolManager
    queue: Queue = field(default_factory=Queue)
    context: ControllerContext = None  # type: ignore[assignment]
    ahead: timedelta = timedelta()

    def start_process(self) -> None:
        """A new process, which knows nothing yet."""
        nothing = cast("Any", None)
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
            events=EventRecorder(self.kube, busy=lambda: False),
            runner_config=RunnerConfig(image="runner:1"),
            uid="process",
            clock=self.now,
            drift_period=timedelta(seconds=60),
            create_settle=timedelta(),
            store=Store(registered={SYNC_KIND: SYNC_FINALIZER, KIND: FINALIZER}),
            kinds=(REGISTERED_SYNC, REGISTERED_WIDGET),
        )
        home = WorkspaceView(
            "default", url=self.served.url, workspace_id="1", dialect=Dialect.MULTIWOVEN, timeout_seconds=SECONDS
        )
        endpoint = Endpoint(self.served.url, "1", Dialect.MULTIWOVEN, SECONDS)
        client = ApiClient(endpoint, token=lambda: "token", pool=self.pool)
        connection = WorkspaceConnection(home, client, token="token").with_verdict(accepted=True)
        assert connections.replace(NamespacedName(self.namespace, "default"), connection, instead_of=None)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    @property
    def key(self) -> Key:
        return Key(KIND, self.namespace, "shop")

    async def apply(self, **spec: Any) -> None:
        manifest = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": "shop"},
            "spec": {"title": "shop"} | spec,
        }
        if await self.kube.create(WIDGETS, self.namespace, manifest) is None:
            await self.kube.merge_patch(WIDGETS, self.namespace, "shop", {"spec": spec})

    async def get(self) -> dict[str, Any] | None:
        return await self.kube.get(WIDGETS, self.namespace, "shop")

    async def reconcile(self) -> Result:
        """What the watch tells, and a reconcile."""
        obj = await self.get()
        assert obj is not None
        self.context.store.put(KIND, obj)
        self.context.registrations[KIND].observe_event(obj, self.now())
        return await asyncio.wait_for(reconcile_registered(STEPS, self.context, self.key), 60)

    async def compare(self) -> None:
        """The periodic comparison with the server."""
        home = NamespacedName(self.namespace, "default")
        connection = self.context.connections.get(home)
        assert connection is not None
        assert connection.client is not None
        assert connection.scope is not None
        self.context.comparisons.failed(home, "not begun")
        await drift_reconciler._compare((STEPS,), self.context, home, connection.scope, connection.client)

    async def told(self) -> tuple[str, str, str]:
        """Status, reason and message of the condition."""
        obj = await self.get()
        assert obj is not None
        [entry] = [each for each in obj["status"]["conditions"] if each["type"] == ConditionType.REGISTERED]
        return entry["status"], entry["reason"], entry["message"]

    async def status(self) -> dict[str, Any]:
        obj = await self.get()
        assert obj is not None
        found: dict[str, Any] = obj["status"]
        return found

    async def settled(self) -> "Team":
        """With a Widget that is registered."""
        await self.apply()
        await self.reconcile()
        self.served.calls.clear()
        return self


@pytest.fixture(scope="module")
def widgets(plane: Plane) -> Iterator[None]:
    """The cluster knows the kind for as long as these tests run."""
    applied = plane.kubectl("apply", "-f", "-", stdin=json.dumps(CRD))
    assert applied.returncode == 0, applied.stderr
    waited = plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", f"widgets.{GROUP}")
    assert waited.returncode == 0, waited.stderr
    yield
    plane.kubectl("patch", "crd", f"widgets.{GROUP}", "--type=merge", "-p", '{"metadata":{"finalizers":[]}}')
    plane.kubectl("delete", "crd", f"widgets.{GROUP}", "--wait=false")


@pytest.fixture
async def world(session: ClusterSession, team: Tenant, widgets: None) -> AsyncIterator[Team]:  # noqa: ARG001 - it is there
    kube, served = KubeClient(session), Served()
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "store"}, "stringData": {"password": "first"}}
    await kube.create(SECRETS, team.namespace, secret)
    pool = PoolManager(EgressPolicy(insecure=("127.0.0.1",), internal=("127.0.0.1",)))
    async with served.running():
        found = Team(kube, team.namespace, served, pool)
        found.start_process()
        yield found
        await kube.merge_patch(WIDGETS, team.namespace, "shop", {"metadata": {"finalizers": []}})
        await pool.aclose()


async def test_it_is_created_once_with_its_secret_and_its_mark(world: Team) -> None:
    await world.apply()
    await world.reconcile()
    await world.reconcile()
    obj = await world.get()

    assert obj is not None
    assert world.served.calls == ["GET /widgets", "POST /widgets"], "is there one to adopt?"
    [row] = world.served.rows.values()
    assert (row["configuration"]["password"], row["description"]) == ("first", f"{MARK}{obj['metadata']['uid']}")
    assert obj["metadata"]["finalizers"] == [FINALIZER]
    assert (obj["status"]["id"], obj["status"]["origin"], obj["status"]["workspaceId"]) == ("1", "Created", "1")
    assert await world.told() == ("True", "Registered", "registered as widget 1 in workspace 1")


async def test_a_create_costs_no_list_where_the_last_one_is_young_enough(world: Team) -> None:
    await world.apply()
    obj = await world.get()
    assert obj is not None
    world.context.store.put(KIND, obj)
    await world.compare()
    assert world.served.calls == ["GET /widgets"]
    world.served.calls.clear()
    await world.reconcile()

    assert world.served.calls == ["POST /widgets"]


async def test_a_cluster_made_anew_takes_what_is_there_and_marks_it(world: Team) -> None:
    await world.settled()
    await world.kube.merge_patch(WIDGETS, world.namespace, "shop", {"metadata": {"finalizers": []}})
    await world.kube.delete(WIDGETS, world.namespace, "shop")
    world.start_process()
    await world.apply()
    await world.reconcile()
    obj = await world.get()

    assert obj is not None
    assert world.served.calls == ["GET /widgets", "GET /widgets/1", "PUT /widgets/1"]
    assert world.served.model.creates == ["1"]
    assert (obj["status"]["id"], obj["status"]["origin"]) == ("1", "Adopted")
    assert world.served.rows["1"]["description"] == f"{MARK}{obj['metadata']['uid']}"


async def test_one_with_the_mark_of_another_that_is_here_is_not_taken(world: Team) -> None:
    await world.settled()
    obj = await world.get()
    assert obj is not None
    await world.kube.merge_patch(WIDGETS, world.namespace, "shop", {"metadata": {"finalizers": []}})
    await world.kube.delete(WIDGETS, world.namespace, "shop")
    world.start_process()
    neighbor = obj | {"status": {}, "metadata": obj["metadata"] | {"name": "neighbor"}}
    assert world.context.store.put(KIND, neighbor)
    await world.apply()
    await world.reconcile()

    assert (await world.told())[1] == Reason.REJECTED
    assert world.served.model.creates == ["1"]
    assert "PUT /widgets/1" not in world.served.calls


async def test_what_is_there_is_not_taken_where_that_is_not_wanted(world: Team) -> None:
    await world.settled()
    await world.kube.merge_patch(WIDGETS, world.namespace, "shop", {"metadata": {"finalizers": []}})
    await world.kube.delete(WIDGETS, world.namespace, "shop")
    world.start_process()
    await world.apply(adoptionPolicy="Create")
    await world.reconcile()

    assert (await world.told())[1] == Reason.REJECTED
    assert world.served.calls == ["POST /widgets", "GET /widgets"], "its name is taken"


async def test_a_change_of_the_spec_is_sent_once(world: Team) -> None:
    await world.settled()
    await world.apply(size=3)
    await world.reconcile()
    await world.reconcile()

    assert world.served.calls == ["GET /widgets/1", "PUT /widgets/1"]
    assert world.served.rows["1"]["configuration"] == {"size": 3, "password": "first"}


async def test_a_lost_create_is_found_and_taken(world: Team) -> None:
    world.served.fates = [Fate.LOST_AFTER]
    await world.apply()
    assert (await world.reconcile()).failed
    assert (await world.told())[1] == Reason.OUTCOME_UNKNOWN
    assert "id" not in await world.status()

    await world.reconcile()
    assert (await world.status())["id"] == "1"
    assert (await world.status())["origin"] == "Created"
    calls = ["GET /widgets", "POST /widgets", "GET /widgets", "GET /widgets/1", "PUT /widgets/1"]
    assert world.served.calls == calls, "its Secret may be an older one"


async def test_a_lost_create_is_found_by_another_process(world: Team) -> None:
    world.served.fates = [Fate.LOST_AFTER]
    await world.apply()
    await world.reconcile()
    world.start_process()
    world.ahead = timedelta(minutes=1)
    await world.reconcile()

    assert world.served.calls.count("POST /widgets") == 1
    assert (await world.told())[:2] == ("True", "Registered")


async def test_a_lost_create_is_repeated_if_nothing_shows_it(world: Team) -> None:
    world.served.fates = [Fate.LOST_BEFORE]
    await world.apply()
    await world.reconcile()
    await world.reconcile()
    assert (await world.told())[1] == Reason.OUTCOME_UNKNOWN
    world.ahead = timedelta(minutes=1)
    await world.reconcile()

    assert world.served.model.creates == ["1"]
    assert (await world.told())[:2] == ("True", "Registered")


async def test_a_lost_create_that_comes_between_the_list_and_its_repetition_is_taken(world: Team) -> None:
    world.served.fates = [Fate.LOST_BEFORE]
    await world.apply()
    await world.reconcile()
    obj = await world.get()
    assert obj is not None
    ours = STRANGER | {"family": "sprocket", "description": f"{MARK}{obj['metadata']['uid']}"}
    world.served.after_list = lambda: world.served.model.create(ours)
    world.ahead = timedelta(minutes=1)
    world.served.calls.clear()
    await world.reconcile()

    taken = ["GET /widgets", "POST /widgets", "GET /widgets", "GET /widgets/1", "PUT /widgets/1"]
    assert world.served.calls == taken
    assert (await world.told())[:2] == ("True", "Registered")
    assert world.served.rows["1"]["configuration"] == {"size": 1, "password": "first"}


async def test_a_name_that_somebody_else_has_blocks_and_is_left_alone(world: Team) -> None:
    world.served.model.create(STRANGER)
    await world.apply()
    await world.reconcile()

    status, reason, message = await world.told()
    assert (status, reason) == ("False", "Rejected")
    assert "same name" in message
    assert world.served.calls == ["GET /widgets", "POST /widgets", "GET /widgets"]
    assert world.served.rows["1"]["description"] == "made by hand"


async def test_one_named_by_its_id_is_adopted_and_kept(world: Team) -> None:
    world.served.model.create(STRANGER | {"family": "sprocket"})
    await world.apply(externalId="1")
    await world.reconcile()
    assert (await world.status())["origin"] == "Adopted"
    await world.kube.delete(WIDGETS, world.namespace, "shop")
    await world.reconcile()

    assert await world.get() is None
    assert list(world.served.rows) == ["1"]
    assert world.served.calls == ["GET /widgets/1", "PUT /widgets/1"]


async def test_what_we_made_is_deleted_with_it(world: Team) -> None:
    await world.settled()
    await world.kube.delete(WIDGETS, world.namespace, "shop")
    await world.reconcile()

    assert await world.get() is None
    assert world.served.rows == {}
    assert world.served.calls == ["GET /widgets/1", "DELETE /widgets/1"]


async def test_what_others_have_deleted_is_made_anew(world: Team) -> None:
    await world.settled()
    world.served.rows.clear()
    for minutes in (1, 3):
        world.ahead = timedelta(minutes=minutes)
        await world.compare()
    assert world.key in world.queue.added, "it is reconciled without a change in the cluster"
    world.served.calls.clear()
    await world.reconcile()

    assert world.served.model.creates == ["1", "2"]
    assert (await world.told())[:2] == ("True", "Recreated")
    assert (await world.status())["id"] == "2"


async def test_what_others_have_changed_is_put_back(world: Team) -> None:
    await world.settled()
    world.served.model.now = datetime.now(UTC)
    world.served.model.update("1", {"configuration": {"size": 9, "password": MASK}})
    world.ahead = timedelta(minutes=1)
    await world.compare()
    assert world.key in world.queue.added, "it is reconciled without a change in the cluster"
    world.served.calls.clear()
    await world.reconcile()

    assert world.served.calls == ["GET /widgets/1", "PUT /widgets/1"]
    assert world.served.rows["1"]["configuration"] == {"size": 1, "password": "first"}
    assert (await world.told())[:2] == ("True", "DriftCorrected")
