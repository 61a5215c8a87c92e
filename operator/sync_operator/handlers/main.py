"""`sync-operator controller`: wires the parts together, runs them, and stops them in order."""

import argparse
import asyncio
import logging
import signal
import sys
import time
from datetime import UTC, datetime
from uuid import uuid4

import kopf
import uvloop

from sync_operator.cluster.kube import Kube
from sync_operator.cluster.login import ClusterSession, open_session
from sync_operator.decide.picture import Deployment
from sync_operator.errors import InvalidSettingsError, KubernetesError
from sync_operator.handlers.drift import look_for_drift
from sync_operator.handlers.health import serve_health
from sync_operator.handlers.metrics import Metrics, serve_metrics
from sync_operator.handlers.operator import Operator
from sync_operator.handlers.queue import DRIFT_KIND, Key, Outcome, WorkQueue
from sync_operator.handlers.sessions import Sessions
from sync_operator.handlers.sync import reconcile_sync
from sync_operator.handlers.watch import make_registry, make_settings
from sync_operator.handlers.workspace import reconcile_workspace
from sync_operator.log import configure_logging
from sync_operator.model.names import SYNC_KIND, WORKSPACE_KIND
from sync_operator.remote.connections import HttpPool
from sync_operator.settings import ControllerSettings

__all__ = ["add_arguments", "main"]

_log = logging.getLogger(__name__)
_EXIT_UNUSABLE = 2
_EXIT_CLUSTER = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The controller takes everything from its environment (``SYNC_OPERATOR_*``)."""
    parser.epilog = "All settings come from the environment: SYNC_OPERATOR_RUNNER_IMAGE and others, see the README."


def main(_: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT.

    Returns:
        0 after a clean stop, 2 when the settings cannot be used, 3 when the cluster cannot.
    """
    try:
        settings = ControllerSettings.from_environment()
    except InvalidSettingsError as error:
        sys.stderr.write(f"sync-operator: {error}\n")
        return _EXIT_UNUSABLE
    configure_logging(settings.log)
    try:
        uvloop.run(_run(settings))
    except KubernetesError as error:
        _log.error("stopped: %s", error)
        return _EXIT_CLUSTER
    return 0


async def _run(settings: ControllerSettings) -> None:
    told, stop = asyncio.Event(), asyncio.Event()
    session = open_session()
    pool = HttpPool(settings.proxies)
    metrics = Metrics(syncs=lambda: operator.cache.all(SYNC_KIND), depth=lambda: operator.queue.depth)
    operator = _operator(settings, session, pool, metrics)
    try:
        # kopf cancels tasks that are born after it, so ours are made before; kopf itself stops by the flag.
        await operator.refresh()
        ready = asyncio.Event()
        operator.queue = _queue(settings, operator, metrics)
        probes = await serve_health(settings.health_port, ready=ready.is_set)
        page = await serve_metrics(settings.metrics_port, metrics)
        tasks = [
            asyncio.create_task(operator.queue.run(), name="queue"),
            asyncio.create_task(_resync(operator, settings.resync.total_seconds()), name="resync"),
        ]
        watching = asyncio.create_task(_watch(settings, operator, session, ready, stop), name="watch")
        operator.enqueue_all()
        await asyncio.wait([watching, asyncio.create_task(ready.wait())], return_when=asyncio.FIRST_COMPLETED)
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, told.set)
        if ready.is_set():
            _log.info("ready")
        await asyncio.wait([watching, asyncio.create_task(told.wait())], return_when=asyncio.FIRST_COMPLETED)
        _log.info("stopping")
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        stop.set()
        await watching
        await probes.cleanup()
        await page.cleanup()
    finally:
        operator.sessions.close()
        await pool.aclose()
        await session.http.close()


def _operator(settings: ControllerSettings, session: ClusterSession, pool: HttpPool, metrics: Metrics) -> Operator:
    kube = Kube(session)
    hosts = settings.hosts

    def clock() -> datetime:
        return datetime.now(UTC)

    def wake(key: Key) -> None:
        operator.queue.add(key, first=True)

    environment = (
        ("LOG_FORMAT", settings.log.format),
        ("SYNC_OPERATOR_ALLOWED_HOSTS", ",".join(hosts.allowed)),
        ("SYNC_OPERATOR_ALLOW_INSECURE_HOSTS", ",".join(hosts.insecure)),
        *settings.proxies,
    )
    operator = Operator(
        kube=kube,
        sessions=Sessions(
            kube,
            hosts,
            pool,
            clock=clock,
            wake=wake,
            most_inside=max(1, settings.workers * 3 // 4),
            requested=metrics.requested,
        ),
        deployment=Deployment(
            image=settings.runner_image,
            pull_secrets=settings.runner_image_pull_secrets,
            environment=tuple((name, value) for name, value in environment if value),
        ),
        uid=uuid4().hex,
        clock=clock,
        resync=settings.resync,
        namespaces=settings.watch_namespaces,
    )
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
            result = "requeue" if outcome.failed else "success"
            return outcome
        finally:
            metrics.reconciled(result, time.monotonic() - start)

    return WorkQueue(work, workers=settings.workers)


async def _watch(
    settings: ControllerSettings,
    operator: Operator,
    session: ClusterSession,
    ready: asyncio.Event,
    stop: asyncio.Event,
) -> None:
    registry = make_registry(operator)

    @kopf.on.login(registry=registry)
    async def login(**_: object) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=session.server, aiohttp_session=session.http)

    try:
        await kopf.operator(
            registry=registry,
            settings=make_settings(clusterwide=not settings.watch_namespaces),
            standalone=True,
            clusterwide=not settings.watch_namespaces,
            namespaces=settings.watch_namespaces,
            ready_flag=ready,
            stop_flag=stop,
        )
    except Exception as error:
        words = f"watching the cluster ended ({type(error).__name__}: {error})"
        raise KubernetesError(0, "WatchEnded", words) from error


async def _resync(operator: Operator, seconds: float) -> None:
    """List everything anew now and then: it finds what a broken watch did not tell, and costs no write when idle."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await operator.refresh()
        except KubernetesError as error:
            _log.warning("resync put off: %s", error)
            continue
        operator.enqueue_all()
