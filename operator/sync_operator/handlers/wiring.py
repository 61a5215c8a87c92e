"""How the parts of the controller hang together."""

import time
from datetime import UTC, datetime

from sync_operator.cluster.kube import Kube
from sync_operator.decide.picture import Deployment
from sync_operator.handlers.drift import look_for_drift
from sync_operator.handlers.metrics import Metrics
from sync_operator.handlers.operator import Operator
from sync_operator.handlers.queue import DRIFT_KIND, Key, Outcome, WorkQueue
from sync_operator.handlers.sessions import Sessions
from sync_operator.handlers.sync import reconcile_sync
from sync_operator.handlers.workspace import reconcile_workspace
from sync_operator.model.names import WORKSPACE_KIND
from sync_operator.model.run import PodDefaults
from sync_operator.model.scope import Scope
from sync_operator.remote.connections import HttpPool
from sync_operator.settings import ControllerSettings

__all__ = ["make_operator", "utc_now"]


def utc_now() -> datetime:
    """The time, aware."""
    return datetime.now(UTC)


def make_operator(
    settings: ControllerSettings, pod_defaults: PodDefaults, kube: Kube, uid: str, pool: HttpPool, metrics: Metrics
) -> Operator:
    """All parts, with nothing running yet.

    Args:
        settings: from the environment.
        pod_defaults: what `settings` gives to all run pods.
        kube: the cluster.
        uid: of this process.
        pool: connections to sync servers.
        metrics: is told of reconciles and requests.
    """
    hosts = settings.hosts

    def wake(key: Key) -> None:
        operator.queue.add(key, first=True)

    def forget_scope(scope: Scope) -> None:
        operator.forget_scope(scope)

    environment = (
        ("LOG_FORMAT", settings.log.format),
        ("SYNC_OPERATOR_ALLOWED_HOSTS", ",".join(hosts.allowed)),
        ("SYNC_OPERATOR_ALLOW_INSECURE_HOSTS", ",".join(hosts.insecure)),
        ("SYNC_OPERATOR_ALLOW_INTERNAL_HOSTS", ",".join(hosts.internal)),
        ("SYNC_OPERATOR_CLUSTER_NETWORKS", ",".join(hosts.cluster)),
        *(() if settings.runner_proxy_secret else settings.proxies),
    )
    operator = Operator(
        kube=kube,
        sessions=Sessions(
            kube,
            hosts,
            pool,
            clock=utc_now,
            wake=wake,
            most_inside=max(1, settings.workers * 3 // 4),
            requested=metrics.requested,
            forget_scope=forget_scope,
        ),
        deployment=Deployment(
            image=settings.runner_image,
            pull_secrets=settings.runner_image_pull_secrets,
            environment=tuple((name, value) for name, value in environment if value),
            proxy_secret=settings.runner_proxy_secret,
            run_pods=settings.run_pods,
            pod_defaults=pod_defaults,
            start_grace=settings.run_start,
        ),
        uid=uid,
        clock=utc_now,
        resync=settings.resync,
        create_settle=settings.create_settle,
        namespaces=settings.watch_namespaces,
        require_secret_label=settings.require_secret_label,
    )
    operator.queue = _queue(settings, operator, metrics)
    operator.forgets.append(metrics.forget)
    operator.ran = metrics.runs.ended
    operator.events.recorded, operator.events.dropped = metrics.event, metrics.event_dropped
    return operator


def _queue(settings: ControllerSettings, operator: Operator, metrics: Metrics) -> WorkQueue:
    async def reconcile(key: Key) -> Outcome:
        if key.kind == WORKSPACE_KIND:
            return await reconcile_workspace(operator, key)
        if key.kind == DRIFT_KIND:
            return await look_for_drift(operator, key)
        return await reconcile_sync(operator, key)

    async def work(key: Key) -> Outcome:
        start, result = time.monotonic(), "error"
        try:
            outcome = await reconcile(key)
            if not outcome.failed:
                result = "success" if outcome.again_after is None else "requeue_after"
            return outcome
        finally:
            metrics.queue.reconciled(key, result, time.monotonic() - start)

    return WorkQueue(work, workers=settings.workers, server_of=operator.server_of, metrics=metrics.queue)
