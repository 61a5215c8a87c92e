"""`sync-operator controller`: starts the controller's components, runs them, and stops them in order."""

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final, NoReturn, cast
from uuid import uuid4

import kopf
import uvloop

from sync_operator.api.constants import SYNC_KIND, WORKSPACE_KIND
from sync_operator.api.kinds.run import PodDefaults
from sync_operator.api.validation.strict_validation import read_pod_defaults
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.http_thread import HttpThread
from sync_operator.controller.informer.event_handlers import make_registry, make_settings
from sync_operator.controller.leader_election import LeaderElector
from sync_operator.controller.metrics.metrics import Metrics, metrics_handler
from sync_operator.controller.metrics.state_metrics import Sources
from sync_operator.controller.probes import Health, Stage, probe_handlers
from sync_operator.controller.setup import build_context, reconcilers
from sync_operator.controller.workqueue.core_tasks import CoreTasks
from sync_operator.errors import InvalidSettingsError, KubernetesError
from sync_operator.kubernetes.auth.cluster_auth import ClusterSession, open_session
from sync_operator.kubernetes.cluster_identity import cluster_uid
from sync_operator.kubernetes.kube_client import KubeClient
from sync_operator.kubernetes.lease_client import Lease
from sync_operator.kubernetes.resources import CONFIG_MAPS, CRONJOBS, SECRETS
from sync_operator.log import configure_logging
from sync_operator.settings import ControllerSettings
from sync_operator.syncapi.http.connection_pool import PoolManager
from sync_operator.syncapi.http.dns_resolver import Resolver

__all__ = ["add_arguments", "main"]

_log = logging.getLogger(__name__)
_EXIT_UNUSABLE: Final = 2
_EXIT_CLUSTER: Final = 3
_EXIT_LEASE: Final = 4
_EXIT_DEFECT: Final = 5
_CLOSED_CHECK_SECONDS: Final = 1.0
"""Seconds between two looks at whether kopf has closed its session, which it does when one of its watches fails."""
_KOPF_END_SECONDS: Final = 5.0
"""Seconds that kopf has to end by itself after that."""
_EPILOG: Final = f"""\
The Helm chart starts it in a pod. It needs the CRDs, the chart's RBAC rules, and access to the cluster: the service
account of its pod, or, outside of a cluster, the kubeconfig of KUBECONFIG or ~/.kube/config.

environment:
  SYNC_OPERATOR_RUNNER_IMAGE
                         image of the run pods: required
  SYNC_OPERATOR_...      all other settings: see docs/reference/public-interface.md
  HTTP_PROXY, HTTPS_PROXY, NO_PROXY
                         proxies to the sync servers, for run pods too

exit codes:
  0  it was told to stop (SIGTERM, SIGINT)
  {_EXIT_UNUSABLE}  its settings cannot be used; one line names the variable
  {_EXIT_CLUSTER}  the cluster refused it, or gave no whole answer that it cannot work without
  {_EXIT_LEASE}  it lost its Lease
  {_EXIT_DEFECT}  a core task ended by itself, or there was an error that no rule foresees
"""
FINAL_WATCH_SECONDS: Final = 8.0
RELEASE_SECONDS: Final = 5.0
"""Seconds that the API server is given to release the Lease at a stop; without an answer it expires by itself."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command; all other settings come from the environment (``SYNC_OPERATOR_*``)."""
    parser.add_argument(
        "--lease-name",
        default="sync-operator",
        metavar="NAME",
        help="name of the Lease by which replicas choose one to act (default: %(default)s)",
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG


def main(args: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT; end the process with exit code 4 when it loses its Lease.

    Returns:
        0 after a clean stop, 2 if the settings are invalid, 3 if the API server refused a request or gave no
        whole answer that the controller cannot work without, 5 if a core task ended by itself or an unexpected error
        was raised.
    """
    try:
        settings = ControllerSettings.from_environment()
        pod_defaults = read_pod_defaults(settings.runner_pod_defaults)
    except InvalidSettingsError as error:
        sys.stderr.write(f"sync-operator: {error}\n")
        return _EXIT_UNUSABLE
    configure_logging(settings.log)
    try:
        failed = uvloop.run(_run(settings, pod_defaults, args.lease_name))
    except KubernetesError as error:
        _log.error("stopped: %s", error)
        return _EXIT_CLUSTER
    except Exception as error:  # noqa: BLE001 (the outermost frame)
        # The exit code tells the kubelet, the log line tells the reader.
        _log.critical("stopped: %s: %s", type(error).__name__, error, exc_info=error)
        return _EXIT_DEFECT
    return _EXIT_DEFECT if failed else 0


async def _run(settings: ControllerSettings, pod_defaults: PodDefaults, lease_name: str) -> bool:
    """Run until ``stop_requested`` is set; True if the end of a core task set it."""
    stop_requested = asyncio.Event()
    core = CoreTasks(stop_requested)
    sources = Sources(
        syncs=lambda: context.store.all(SYNC_KIND),
        workspaces=lambda: context.store.all(WORKSPACE_KIND),
        queue_depth=lambda: context.queue.depth,
        entry_counts=lambda: context.entry_counts(),  # noqa: PLW0108 (context is assigned below)
        is_leader=lambda: leader is None or leader.is_leader,
        last_compared=lambda: context.comparisons,
        gate_states=lambda: context.connections.gate_states(),  # noqa: PLW0108 (context is assigned below)
        drift_period=settings.relist,
    )
    metrics = Metrics(sources)
    session, uid = open_session(metrics.observe_cluster_request), uuid4().hex
    leader = _make_elector(session, lease_name, uid) if settings.leader_election else None
    check = leader.assert_leading if leader else None
    pool = PoolManager(settings.hosts, settings.proxies, resolver=Resolver().of, check=check)
    context = build_context(settings, pod_defaults, KubeClient(session, check), uid, pool, metrics, session.clock)
    health = Health(session.watches, leader, stalled=context.queue.stalled)
    http = HttpThread()
    try:
        http.start()
        http.serve(settings.health_port, probe_handlers(health))
        scrape = metrics_handler(metrics, asyncio.get_running_loop())
        _log.info("metrics at /metrics on port %d", http.serve(settings.metrics_port, {"/metrics": scrape}))
        heartbeat = core.start(health.heartbeat(metrics.observe_lag), "heartbeat")
        _handle_signals(stop_requested)
        if leader is None or await _elected(leader, health, stop_requested):
            if leader is not None:
                core.adopt(leader.renewal)
            await _act(settings, context, session, core, leader, health, stop_requested)
        stop_requested.set()
        heartbeat.cancel()
        await http.stop()
    finally:
        stop_requested.set()  # else the tasks that end with the event loop would count as failed
        context.connections.close()
        await pool.aclose()
        await session.http.close()
    if isinstance(core.error, KubernetesError):
        raise core.error
    return core.failed


def _make_elector(session: ClusterSession, lease_name: str, uid: str) -> LeaderElector:
    """This process's candidate. Its writes to the Lease are the only ones without a check that this process leads."""
    lease = Lease(KubeClient(session), session.namespace, lease_name, session.clock)
    return LeaderElector(lease, f"{socket.gethostname()}_{uid}", _exit_without_lease)


def _exit_without_lease(why: str) -> NoReturn:
    _log.critical("stopped: %s", why)
    os._exit(_EXIT_LEASE)


async def _elected(leader: LeaderElector, health: Health, stop_requested: asyncio.Event) -> bool:
    """Stand by until this process leads; False if ``stop_requested`` was set before."""
    health.stage = Stage.STANDBY
    if not await leader.acquire(stop_requested):
        return False
    health.stage = Stage.STARTING
    return True


async def _act(
    settings: ControllerSettings,
    context: ControllerContext,
    session: ClusterSession,
    core: CoreTasks,
    leader: LeaderElector | None,
    health: Health,
    stop_requested: asyncio.Event,
) -> None:
    """Fill the caches, watch, and reconcile until ``stop_requested`` is set; then let running reconciles finish."""
    # kopf cancels tasks that are created after it has started, so ours are created before; ``stop`` stops kopf.
    ready, stop = asyncio.Event(), asyncio.Event()
    session.watches.set_filter(context.is_cached, {CRONJOBS.plural: context.lacks_cronjob})
    context.cluster = await cluster_uid(context.kube, clusterwide=not settings.watch_namespaces)
    session.watches.resume_from(await context.relist() | await _versions_of_values(context))
    # The responses to the lists have set the clock to the API server's time.
    previous_leader_end = timedelta(seconds=leader.times.duration if leader is not None else 0)
    for registrations in context.registrations.values():
        registrations.create_fence.set_leadership(context.clock(), previous_leader_end)
    working = [
        core.start(context.queue.run(reconcilers(context)), "queue"),
        core.start(_relist_periodically(context, settings.relist.total_seconds()), "relist"),
    ]
    recording = core.start(context.events.run(), "events")
    watching = core.start(_watch(settings, context, session, ready, stop, stop_requested), "watch")
    context.enqueue_all()
    await _wait_for_either(ready, stop_requested)
    _handle_signals(stop_requested)  # kopf has replaced our signal handlers with its own
    if ready.is_set() and not stop_requested.is_set():
        health.stage = Stage.ACTING
        _log.info("ready")
    await stop_requested.wait()
    _log.info("stopping")
    for task in working:
        task.cancel()
    await asyncio.wait(working)
    await context.comparisons.stop()
    recording.cancel()
    await asyncio.wait([recording])
    if leader is not None and context.queue.idle:  # else it must expire: a reconcile may still send a request
        with suppress(TimeoutError):
            await asyncio.wait_for(leader.release(), RELEASE_SECONDS)
    stop.set()
    await asyncio.wait([watching], timeout=FINAL_WATCH_SECONDS)
    if not watching.done():
        # kopf waits for its tasks without a timeout, also for tasks that can no longer end.
        _log.error("the watch did not end in %.0f s; ending without it", FINAL_WATCH_SECONDS)
        os._exit(_EXIT_DEFECT)


async def _wait_for_either(one: asyncio.Event, other: asyncio.Event) -> None:
    """Wait until one of the two events is set."""
    waiting = [asyncio.create_task(one.wait()), asyncio.create_task(other.wait())]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


async def _versions_of_values(context: ControllerContext) -> dict[str, str]:
    """Resource versions from which to watch Secrets and ConfigMaps: they are not listed, but read where needed."""
    versions = {}
    for resource in (SECRETS, CONFIG_MAPS):
        for namespace in context.namespaces or (None,):
            with suppress(KubernetesError):  # then kopf lists them itself, with retries
                versions[resource.path(namespace)] = await context.kube.version(resource, namespace)
    return versions


def _handle_signals(stop_requested: asyncio.Event) -> None:
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop_requested.set)


async def _watch(
    settings: ControllerSettings,
    context: ControllerContext,
    session: ClusterSession,
    ready: asyncio.Event,
    stop: asyncio.Event,
    stop_requested: asyncio.Event,
) -> None:
    """Run kopf's watches until ``stop`` is set; set ``stop_requested`` when they have ended."""
    registry = make_registry(context)

    @kopf.on.login(registry=registry)
    async def login(**_: object) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=session.server, aiohttp_session=session.kopf)

    watching = asyncio.create_task(
        kopf.operator(
            registry=registry,
            settings=make_settings(clusterwide=not settings.watch_namespaces),
            identity=cast("Any", context.uid),  # kopf's default needs a user name, which the container's user lacks
            standalone=True,
            clusterwide=not settings.watch_namespaces,
            namespaces=settings.watch_namespaces,
            ready_flag=ready,
            stop_flag=stop,
        )
    )
    while not (session.kopf.closed or watching.done()):
        await asyncio.wait([watching], timeout=_CLOSED_CHECK_SECONDS)
    await asyncio.wait([watching], timeout=_KOPF_END_SECONDS)
    if not (watching.done() or stop.is_set()):
        # One task of kopf's has failed and the others wait for new credentials: that would never end.
        watching.cancel()
        raise RuntimeError("kopf has ended all watches; the line before this one says why")
    await watching
    # It returns when ``stop`` is set, or after a signal that arrived while kopf's signal handlers were installed.
    stop_requested.set()


async def _relist_periodically(context: ControllerContext, seconds: float) -> None:
    """Relist all watched kinds periodically, to find changes that a broken watch missed. Writes nothing when idle."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await context.relist()
        except KubernetesError as error:
            _log.warning("relist put off: %s", error)
            continue
        context.enqueue_all()
