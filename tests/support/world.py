"""A tenant, a server, and a controller that sees the cluster and the server through proxies."""

import json
import signal
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any, Final
from uuid import uuid4

import httpx
from kubernetes import client
from tests.support import planted
from tests.support.faults import Rule
from tests.support.invariants import JOB_SUFFIX, Held, Wanted, attributes_of, spec_of, wrongs
from tests.support.kills import Kill, Point, Trap, points_of
from tests.support.kubeproxy import running_kubeproxy
from tests.support.manifests import merged, sync_manifest
from tests.support.nursery import Nursery, NurseryController
from tests.support.plane import Kube, Plane
from tests.support.proxy import Proxy, running_proxy
from tests.support.running import Sandbox, eventually, running_sandbox
from tests.support.syncs import Tenant, condition

from sync_operator.api.constants import (
    API_VERSION,
    CONFIRM_SERVER_ANNOTATION,
    CONNECTOR_KIND,
    CREATE_STARTED_ANNOTATION,
    FINALIZER,
    MODEL_KIND,
    SYNC_KIND,
    WORKSPACE_KIND,
)
from sync_operator.api.statuses.conditions import Reason

__all__ = ["World", "running_world"]

_PATIENCE: Final = 120.0
_KINDS: Final = (
    (SYNC_KIND, API_VERSION),
    (CONNECTOR_KIND, API_VERSION),
    (MODEL_KIND, API_VERSION),
    (WORKSPACE_KIND, API_VERSION),
    ("CronJob", "batch/v1"),
    ("Job", "batch/v1"),
    ("Pod", "v1"),
    ("Event", "v1"),
)
"""Everything that operator and runner write into the cluster, or make others write."""


@dataclass
class World:
    """One controller, one server, one namespace.

    Attributes:
        to_cluster: through which the controller sees the kube-apiserver; the tests look at it directly.
        to_server: through which it, and the run pods, see the server.
        wanted: the Syncs that are to be there, by name.
        survivors: ids of server syncs that belong to no Sync and must live on.
        exits: codes of controllers that ended by themselves.
    """

    tenant: Tenant
    controller: NurseryController
    to_cluster: Proxy
    to_server: Proxy
    wanted: dict[str, Wanted] = field(default_factory=dict)
    survivors: set[str] = field(default_factory=set)
    exits: list[int] = field(default_factory=list)

    @property
    def kube(self) -> Kube:
        return self.tenant.kube

    @property
    def sandbox(self) -> Sandbox:
        return self.tenant.sandbox

    def connect(self, authority: str, *, timeout_seconds: int = 2) -> None:
        """Create the Secrets and the Workspace, and wait until it is ready."""
        self.tenant.secret(planted.TOKEN)
        self.tenant.secret(planted.CONFIGURATION, "vectors", "key")
        self.tenant.secret(f"{planted.AUTHORITY}\n{authority}", "authority", "ca.crt")
        self.tenant.workspace(
            url=self.to_server.url,
            caSecretRef={"name": "authority"},
            requestsPerMinute=100_000,
            # An unknown create may be repeated once the server can no longer be at work on it: that soon here.
            timeoutSeconds=timeout_seconds,
        )
        self.tenant.when(WORKSPACE_KIND, "default", "Ready")

    def judge(self, rule: Rule | None) -> None:
        """Ask this rule about every request to either side."""
        for proxy in (self.to_cluster, self.to_server):
            proxy.judge(rule)

    def create(self, name: str, **changes: Any) -> None:
        """Create a Sync, and want it from now on."""
        wanted = self.wanted[name] = Wanted(spec_of(name) | changes, changes.get("externalId"))
        self.survivors.discard(changes.get("externalId", ""))
        self.kube.create(sync_manifest(name, **wanted.changes), self.tenant.namespace)

    def announce(self, name: str) -> None:
        """Create a Sync as an earlier controller left it that died with a create under way."""
        wanted = self.wanted[name] = Wanted(spec_of(name))
        manifest = sync_manifest(name, **wanted.changes)
        mark = f"{datetime.now(UTC).isoformat(timespec='seconds')}/{uuid4().hex}"
        manifest["metadata"] |= {"finalizers": [FINALIZER], "annotations": {CREATE_STARTED_ANNOTATION: mark}}
        self.kube.create(manifest, self.tenant.namespace)

    def update(self, name: str, **changes: Any) -> None:
        """Change a Sync's spec."""
        self.wanted[name].changes = merged(self.wanted[name].changes, changes)
        self.tenant.patch(name, **changes)

    def delete(self, name: str) -> None:
        """Delete a Sync; the server's sync is to go with it, unless it was adopted."""
        wanted = self.wanted.pop(name)
        if wanted.adopts and wanted.id:
            self.survivors.add(wanted.id)
        self.tenant.delete(name)

    def clear(self, stage: str) -> None:
        """Delete what is left of a stage, without waiting for it."""
        for name in [name for name in self.wanted if name.startswith(f"{stage}-")]:
            self.delete(name)

    def make_job(self, name: str) -> None:
        """Somebody makes a Job from a Sync's CronJob, suspended."""
        cronjob = self.tenant.cronjob(name)
        template = cronjob["spec"]["jobTemplate"]
        owner = {"apiVersion": "batch/v1", "kind": "CronJob", "controller": True, "name": name}
        metadata = {
            "name": name + JOB_SUFFIX,
            "labels": template["metadata"]["labels"],
            "annotations": template["metadata"]["annotations"],
            "ownerReferences": [owner | {"uid": cronjob["metadata"]["uid"]}],
        }
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata}
        self.kube.create(job | {"spec": template["spec"] | {"suspend": True}}, self.tenant.namespace)

    def registered(self, name: str) -> str | None:
        """The server's id of a Sync, if it is wanted and its status holds one."""
        if name not in self.wanted:
            return None
        sync_id: str | None = self.tenant.get(name).get("status", {}).get("id")
        return sync_id

    def delete_on_server(self, name: str) -> None:
        """Somebody deletes a Sync's sync on the server."""
        assert self.sandbox.call("DELETE", f"/syncs/{self.registered(name)}").status_code == 204
        self.wanted[name].id = None

    def make_on_server(self, changes: Mapping[str, Any], **attributes: Any) -> str:
        """Somebody makes a sync on the server; its id."""
        made = self.sandbox.call("POST", "/syncs", sync=attributes_of(changes) | attributes)
        assert made.status_code == 201, made.text
        sync_id = str(made.json()["data"]["id"])
        self.survivors.add(sync_id)
        return sync_id

    def keep_running(self) -> None:
        """Start the controller again where it has ended by itself, as a kubelet does."""
        code = self.controller.ended
        if code is not None:
            self.exits.append(code)
            self.controller.begin()

    def kill(self) -> None:
        """Kill the controller wherever it is, and start another."""
        self.keep_running()
        self.controller.stop(signal.SIGKILL)
        self.controller.begin()

    def points(self, names: Collection[str], begin: Callable[[], object]) -> list[Point]:
        """What the controller asks for about these names from the beginning of an operation to its end."""
        before = {proxy: len(proxy.calls) for proxy in (self.to_cluster, self.to_server)}
        begin()
        self.settle()
        return points_of([call for proxy, start in before.items() for call in proxy.calls[start:]], names)

    def killed(self, kill: Kill, names: Collection[str], begin: Callable[[], object]) -> bool:
        """Kill the controller there in an operation, start another, and settle; False where it does not come there."""
        trap = Trap(kill, names, self.controller.kill)
        self.judge(trap)
        begin()
        eventually(lambda: trap.sprung.wait(0.5) or not self.wrongs(), f"kill or end: {kill}", seconds=_PATIENCE)
        self.judge(None)
        struck = trap.over()
        if struck:
            self.controller.await_end()
            self.controller.begin()
        try:
            self.settle()
        except AssertionError as error:
            raise AssertionError(f"killed {kill}: {error}") from None
        return struck

    def wrongs(self) -> list[str]:
        """Everything that is not as it must be."""
        held = Held(
            syncs=self.listed(SYNC_KIND, API_VERSION),
            cronjobs=self.listed("CronJob", "batch/v1"),
            jobs=self.listed("Job", "batch/v1"),
            stored={str(sync["id"]): sync for sync in self.sandbox.syncs()},
        )
        found = wrongs(self.wanted, self.survivors, held)
        if not found:
            for name, wanted in self.wanted.items():
                wanted.id = held.syncs[name]["status"]["id"]
        return found

    def settle(self, *, seconds: float = _PATIENCE, confirms: bool = False) -> None:
        """Wait until everything is as it must be.

        Args:
            seconds: how long at most.
            confirms: somebody who knows that so many syncs were deleted on the server says so when they are asked.

        Raises:
            AssertionError: it did not become so; says what is wrong.
        """
        found: list[str] = []

        def look() -> bool:
            self.keep_running()
            found[:] = self.wrongs()
            if found and confirms:
                self._confirm_server()
            return not found

        try:
            eventually(look, "everything as it must be", seconds=seconds)
        except AssertionError:
            listed = "\n  ".join(found)
            raise AssertionError(f"not as it must be after {seconds:.0f} s:\n  {listed}") from None

    def _confirm_server(self) -> None:
        workspace = self.kube.get(WORKSPACE_KIND, "default", self.tenant.namespace)
        if condition(workspace).get("reason") == Reason.SERVER_RESET:
            word = {"metadata": {"annotations": {CONFIRM_SERVER_ANNOTATION: uuid4().hex}}}
            self.kube.patch(WORKSPACE_KIND, "default", self.tenant.namespace, word)

    def written(self) -> Iterator[tuple[str, str]]:
        """Everything that operator and runner have written so far: what, and the text."""
        for log in self.controller.logs:
            yield log.name, log.read_text()
        yield "metrics", httpx.get(f"http://127.0.0.1:{self.controller.metrics_port}/metrics", trust_env=False).text
        for kind, api_version in _KINDS:
            for name, obj in self.listed(kind, api_version).items():
                yield f"{kind} {name}", json.dumps(obj, indent=1)
        for name in self.listed("Pod", "v1"):
            yield f"log of {name}", self.kube.core.read_namespaced_pod_log(name, self.tenant.namespace)

    def finish(self) -> None:
        """Delete the namespace, unless that is done, and see that nothing is left but what must survive."""
        if not self.gone():
            self.delete_all()
        eventually(self.gone, "the namespace to be gone", seconds=_PATIENCE)
        left = {str(sync["id"]) for sync in self.sandbox.syncs()}
        assert left == self.survivors, f"left on the server: {left}, to survive: {self.survivors}"

    def delete_all(self) -> None:
        """Delete the namespace, after a look at what was written into it."""
        shown = planted.found(self.written())
        assert not shown, "\n".join(["secrets are shown:", *shown])
        for wanted in self.wanted.values():
            if wanted.adopts and wanted.id:
                self.survivors.add(wanted.id)
        self.kube.core.delete_namespace(self.tenant.namespace)

    def gone(self) -> bool:
        """True once the namespace is."""
        listed = self.kube.resource("Namespace", "v1").get().items
        return self.tenant.namespace not in {namespace.metadata.name for namespace in listed}

    def listed(self, kind: str, api_version: str) -> dict[str, dict[str, Any]]:
        """Objects of a kind in the namespace, by name."""
        listed = self.kube.resource(kind, api_version).get(namespace=self.tenant.namespace).to_dict()["items"]
        return {obj["metadata"]["name"]: obj for obj in listed}


@contextmanager
def running_world(
    plane: Plane, kube: Kube, nursery: Nursery, folder: Path, *, of: type[World] = World, beside: bool = False
) -> Iterator[World]:
    """A tenant whose secrets are planted, with a server and a controller of its own, all of it connected.

    In the end the namespace is deleted under the controller's eyes, and nothing it wrote may show a secret.

    Args:
        plane: the control plane.
        kube: its API server, as the tests see it.
        nursery: starts the controller.
        folder: for logs and configuration.
        of: what the world is to be.
        beside: other worlds run at the same time, so this controller watches its own namespace alone.
    """
    namespace = f"chaos-{token_hex(4)}"
    kube.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=namespace)))
    with (
        running_sandbox(folder, "--run-seconds", "1", token=planted.TOKEN) as sandbox,
        running_kubeproxy(plane, folder) as (to_cluster, kubeconfig),
        running_proxy("server", sandbox.url) as to_server,
    ):
        watched = {"SYNC_OPERATOR_WATCH_NAMESPACES": namespace} if beside else {}
        controller = NurseryController(nursery, plane, folder, KUBECONFIG=str(kubeconfig), **watched)
        world = of(Tenant(kube, namespace, sandbox), controller, to_cluster, to_server)
        controller.start()
        try:
            world.connect((plane.folder / "certs" / "ca.crt").read_text())
            yield world
            world.finish()
            assert controller.stop() == 0, controller.log.read_text()[-3000:]
        finally:
            if controller.ended is None:
                controller.stop()
        shown = planted.found((log.name, log.read_text()) for log in controller.logs)
        assert not shown, "\n".join(["secrets are shown:", *shown])
