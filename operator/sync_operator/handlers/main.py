"""`sync-operator controller`: starts the parts, runs them, and stops them in order."""

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

from sync_operator.cluster.identity import cluster_uid
from sync_operator.cluster.kube import CRONJOBS, SECRETS, Kube
from sync_operator.cluster.lease import Lease
from sync_operator.cluster.login import ClusterSession, open_session
from sync_operator.errors import InvalidSettingsError, KubernetesError
from sync_operator.handlers.core_tasks import CoreTasks
from sync_operator.handlers.creates import Creates
from sync_operator.handlers.health import Health, Probes, Stage
from sync_operator.handlers.leader import Leader
from sync_operator.handlers.metrics import Metrics, serve_metrics
from sync_operator.handlers.operator import Operator
from sync_operator.handlers.state_metrics import Sources
from sync_operator.handlers.watch import make_registry, make_settings
from sync_operator.handlers.wiring import make_operator, utc_now
from sync_operator.log import configure_logging
from sync_operator.model.names import SYNC_KIND, WORKSPACE_KIND
from sync_operator.model.reading import read_pod_defaults
from sync_operator.model.run import PodDefaults
from sync_operator.remote.connections import HttpPool
from sync_operator.remote.resolver import Resolver
from sync_operator.settings import ControllerSettings

__all__ = ["add_arguments", "main"]

_log = logging.getLogger(__name__)
_EXIT_UNUSABLE: Final = 2
_EXIT_CLUSTER: Final = 3
_EXIT_LEASE: Final = 4
_EXIT_DEFECT: Final = 5
_LAST_WATCH_SECONDS: Final = 20.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The controller takes its settings from its environment (``SYNC_OPERATOR_*``)."""
    parser.add_argument(
        "--lease-name",
        default="sync-operator",
        metavar="NAME",
        help="name of the Lease by which replicas choose one to act (default: %(default)s)",
    )
    parser.epilog = "All settings come from the environment: SYNC_OPERATOR_RUNNER_IMAGE and others, see the README."


def main(args: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT; ends the process with exit code 4 when it loses its Lease.

    Returns:
        0 after a clean stop, 2 when the settings cannot be used, 3 when the cluster cannot, 5 when a core task ended by
        itself or the controller failed in another way that nobody foresaw.
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
        # Whatever it was, the kubelet is told by the exit code, and people by one line.
        _log.critical("stopped: %s: %s", type(error).__name__, error, exc_info=error)
        return _EXIT_DEFECT
    return _EXIT_DEFECT if failed else 0


async def _run(settings: ControllerSettings, pod_defaults: PodDefaults, lease_name: str) -> bool:
    """Run until told to stop; True when it was the end of a core task that told so."""
    told = asyncio.Event()
    core = CoreTasks(told)
    sources = Sources(
        syncs=lambda: operator.cache.all(SYNC_KIND),
        workspaces=lambda: operator.cache.all(WORKSPACE_KIND),
        depth=lambda: operator.queue.depth,
        kept=lambda: operator.kept(),  # noqa: PLW0108 (there is no operator yet)
        leads=lambda: leader is None or leader.leads,
        compared=lambda: operator.comparisons,
        loads=lambda: operator.sessions.loads(),  # noqa: PLW0108 (there is no operator yet)
        resync=settings.resync,
    )
    metrics = Metrics(sources)
    session, uid = open_session(metrics.cluster_requested), uuid4().hex
    leader = _candidate(session, lease_name, uid) if settings.leader_election else None
    check = leader.check if leader else None
    pool = HttpPool(settings.hosts, settings.proxies, resolver=Resolver().of, check=check)
    operator = make_operator(settings, pod_defaults, Kube(session, check), uid, pool, metrics)
    health = Health(session.watches, leader, stalled=operator.queue.stalled)
    probes = Probes(health, settings.health_port)
    try:
        probes.start()
        page = await serve_metrics(settings.metrics_port, metrics)
        beating = core.start(health.beat(metrics.lagged), "heartbeat")
        _listen(told)
        if leader is None or await _elected(leader, operator, health, told):
            if leader is not None:
                core.adopt(leader.keeping)
            await _act(settings, operator, session, core, leader, health, told)
        told.set()
        beating.cancel()
        await page.cleanup()
        probes.stop()
    finally:
        operator.sessions.close()
        await pool.aclose()
        await session.http.close()
    return core.failed


def _candidate(session: ClusterSession, lease_name: str, uid: str) -> Leader:
    """This process's part in the election; its own writes to the Lease are the only ones that go unchecked."""
    lease = Lease(Kube(session), session.namespace, lease_name, utc_now)
    return Leader(lease, f"{socket.gethostname()}_{uid}", _end)


def _end(why: str) -> NoReturn:
    _log.critical("stopped: %s", why)
    os._exit(_EXIT_LEASE)


async def _elected(leader: Leader, operator: Operator, health: Health, told: asyncio.Event) -> bool:
    """Stand by until this process leads; False when it was told to stop before."""
    health.stage = Stage.STANDBY
    if not await leader.elected(told):
        return False
    health.stage = Stage.STARTING
    operator.creates = Creates(
        operator.clock(), others_end=timedelta(seconds=leader.times.duration), settle=operator.create_settle
    )
    return True


async def _act(
    settings: ControllerSettings,
    operator: Operator,
    session: ClusterSession,
    core: CoreTasks,
    leader: Leader | None,
    health: Health,
    told: asyncio.Event,
) -> None:
    """Fill the caches, watch, and work until told to stop; what is under way then is seen through."""
    # kopf cancels tasks that are born after it, so ours are made before; kopf itself stops by the flag.
    ready, stop = asyncio.Event(), asyncio.Event()
    session.watches.leave_out(operator.knows, {CRONJOBS.plural: operator.lacks_cronjob})
    operator.cluster = await cluster_uid(operator.kube, everywhere=not settings.watch_namespaces)
    session.watches.listed(await operator.refresh() | await _secrets(operator))
    working = [
        core.start(operator.queue.run(), "queue"),
        core.start(_resync(operator, settings.resync.total_seconds()), "resync"),
    ]
    telling = core.start(operator.events.run(), "events")
    watching = core.start(_watch(settings, operator, session, ready, stop, told), "watch")
    operator.enqueue_all()
    await _either(ready, told)
    _listen(told)  # kopf has put handlers of its own in the place of ours
    if ready.is_set() and not told.is_set():
        health.stage = Stage.ACTING
        _log.info("ready")
    await told.wait()
    _log.info("stopping")
    for task in working:
        task.cancel()
    await asyncio.wait(working)
    await operator.comparisons.stop()
    telling.cancel()
    await asyncio.wait([telling])
    if leader is not None and operator.queue.idle:  # else the Lease is left to expire: something may still be sent
        await leader.resign()
    stop.set()
    await asyncio.wait([watching], timeout=_LAST_WATCH_SECONDS)
    if not watching.done():
        # kopf waits for its tasks for ever, also for those that have lost what they wait for. Nothing else is left.
        _log.error("the watch did not end in %.0f s; ending without it", _LAST_WATCH_SECONDS)
        os._exit(_EXIT_DEFECT)


async def _either(one: asyncio.Event, other: asyncio.Event) -> None:
    """Wait until one of two events is set."""
    waiting = [asyncio.create_task(one.wait()), asyncio.create_task(other.wait())]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


async def _secrets(operator: Operator) -> dict[str, str]:
    """Versions of the collections of Secrets. Only what happens from now on matters: Workspaces read theirs anew."""
    versions = {}
    for namespace in operator.namespaces or (None,):
        with suppress(KubernetesError):  # kopf then lists for itself, and keeps trying
            versions[SECRETS.path(namespace)] = await operator.kube.version(SECRETS, namespace)
    return versions


def _listen(told: asyncio.Event) -> None:
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, told.set)


async def _watch(
    settings: ControllerSettings,
    operator: Operator,
    session: ClusterSession,
    ready: asyncio.Event,
    stop: asyncio.Event,
    told: asyncio.Event,
) -> None:
    """Watch the cluster until told to stop."""
    registry = make_registry(operator)

    @kopf.on.login(registry=registry)
    async def login(**_: object) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=session.server, aiohttp_session=session.kopf)

    await kopf.operator(
        registry=registry,
        settings=make_settings(clusterwide=not settings.watch_namespaces),
        identity=cast("Any", operator.uid),  # by itself kopf asks for the user's name, and a container's has none
        standalone=True,
        clusterwide=not settings.watch_namespaces,
        namespaces=settings.watch_namespaces,
        ready_flag=ready,
        stop_flag=stop,
    )
    # It returns when it is stopped, or by a signal that came while its handlers were in the place of ours.
    told.set()


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
