"""Builds the controller's components and connects them."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND, SYNC_KIND, WORKSPACE_KIND
from sync_operator.api.kinds.run import PodDefaults
from sync_operator.api.kinds.workspace import server_of
from sync_operator.api.scope import Scope
from sync_operator.controller.connector.connector_reconciler import CONNECTOR_STEPS, reconcile_connector
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.drift.drift_reconciler import reconcile_drift
from sync_operator.controller.informer.store import NamespacedName, Store, workspace_name
from sync_operator.controller.metrics.metrics import Metrics
from sync_operator.controller.model.model_reconciler import MODEL_STEPS, reconcile_model
from sync_operator.controller.sync.sync_reconciler import SYNC_STEPS, reconcile_sync
from sync_operator.controller.workqueue.workqueue import DRIFT_KIND, Key, Result, WorkQueue
from sync_operator.controller.workspace.connections import WorkspaceConnections
from sync_operator.controller.workspace.workspace_reconciler import reconcile_workspace
from sync_operator.domain.snapshot import RunnerConfig
from sync_operator.kubernetes.event_recorder import EventRecorder
from sync_operator.kubernetes.kube_client import KubeClient
from sync_operator.settings import ControllerSettings
from sync_operator.syncapi.http.connection_pool import PoolManager

__all__ = ["build_context", "reconcilers"]


def build_context(
    settings: ControllerSettings,
    pod_defaults: PodDefaults,
    kube: KubeClient,
    uid: str,
    pool: PoolManager,
    metrics: Metrics,
    clock: Callable[[], datetime],
) -> ControllerContext:
    """Build the controller's context and work queue; start nothing.

    Args:
        settings: the settings from the environment.
        pod_defaults: the defaults for all run pods, read from ``settings``.
        kube: client of the API server.
        uid: unique id of this process.
        pool: connection pools of the sync servers.
        metrics: counts reconciles and requests.
        clock: returns the current time (aware).
    """
    hosts, store = settings.hosts, Store()
    queue = WorkQueue(workers=settings.workers, server_of=partial(_server_of, store), metrics=metrics.queue)

    def forget_scope(scope: Scope) -> None:
        context.forget_scope(scope)

    environment = (
        ("LOG_FORMAT", settings.log.format),
        ("SYNC_OPERATOR_ALLOWED_HOSTS", ",".join(hosts.allowed)),
        ("SYNC_OPERATOR_ALLOW_INSECURE_HOSTS", ",".join(hosts.insecure)),
        ("SYNC_OPERATOR_ALLOW_INTERNAL_HOSTS", ",".join(hosts.internal)),
        ("SYNC_OPERATOR_CLUSTER_NETWORKS", ",".join(hosts.cluster)),
        *(() if settings.runner_proxy_secret else settings.proxies),
    )
    context = ControllerContext(
        kube=kube,
        connections=WorkspaceConnections(
            kube,
            hosts,
            pool,
            clock=clock,
            wake=partial(queue.add, first=True),
            max_concurrency=max(1, settings.workers * 3 // 4),
            observe_request=metrics.observe_request,
            forget_scope=forget_scope,
        ),
        queue=queue,
        events=EventRecorder(
            kube, busy=lambda: queue.busy, recorded=metrics.count_event, dropped=metrics.count_dropped_event
        ),
        runner_config=RunnerConfig(
            image=settings.runner_image,
            pull_secrets=settings.runner_image_pull_secrets,
            environment=tuple((name, value) for name, value in environment if value),
            proxy_secret=settings.runner_proxy_secret,
            run_pods=settings.run_pods,
            pod_defaults=pod_defaults,
            start_grace=settings.run_start,
        ),
        uid=uid,
        clock=clock,
        drift_period=settings.relist,
        create_settle=settings.create_settle,
        namespaces=settings.watch_namespaces,
        require_secret_label=settings.require_secret_label,
        store=store,
        on_run_ended=metrics.runs.observe_run,
        on_workspace_gone=metrics.forget_workspace,
    )
    return context


def reconcilers(context: ControllerContext) -> dict[str, Callable[[Key], Awaitable[Result]]]:
    """What reconciles the keys of the work queue, by their kind."""
    return {
        CONNECTOR_KIND: partial(reconcile_connector, context),
        MODEL_KIND: partial(reconcile_model, context),
        SYNC_KIND: partial(reconcile_sync, context),
        WORKSPACE_KIND: partial(reconcile_workspace, context),
        DRIFT_KIND: partial(reconcile_drift, (CONNECTOR_STEPS, MODEL_STEPS, SYNC_STEPS), context),
    }


def _server_of(store: Store, key: Key) -> str | None:
    """The server that the reconcile of a key may call, as host and port; None if unknown."""
    home = NamespacedName(key.namespace, key.name)
    if key.kind not in {WORKSPACE_KIND, DRIFT_KIND}:
        resource = store.get(key.kind, home)
        home = NamespacedName(key.namespace, workspace_name(resource)) if resource else home
    url = (store.get(WORKSPACE_KIND, home) or {}).get("spec", {}).get("url")
    return server_of(url) if isinstance(url, str) else None
