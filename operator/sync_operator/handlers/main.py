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
from sync_operator.handlers.creates import Creates
from sync_operator.handlers.health import Health, Probes, Stage
from sync_operator.handlers.leader import Leader
from sync_operator.handlers.metrics import Metrics, serve_metrics
from sync_operator.handlers.operator import Operator
from sync_operator.handlers.watch import make_registry, make_settings
from sync_operator.handlers.wiring import make_operator, utc_now
from sync_operator.log import configure_logging
from sync_operator.model.names import SYNC_KIND
from sync_operator.remote.connections import HttpPool
from sync_operator.settings import ControllerSettings

__all__ = ["add_arguments", "main"]

_log = logging.getLogger(__name__)
_EXIT_UNUSABLE = 2
_EXIT_CLUSTER = 3
_EXIT_LEASE: Final = 4


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
        0 after a clean stop, 2 when the settings cannot be used, 3 when the cluster cannot.
    """
    try:
        settings = ControllerSettings.from_environment()
    except InvalidSettingsError as error:
        sys.stderr.write(f"sync-operator: {error}\n")
        return _EXIT_UNUSABLE
    configure_logging(settings.log)
    try:
        uvloop.run(_run(settings, args.lease_name))
    except KubernetesError as error:
        _log.error("stopped: %s", error)
        return _EXIT_CLUSTER
    return 0


async def _run(settings: ControllerSettings, lease_name: str) -> None:
    told = asyncio.Event()
    session, uid = open_session(), uuid4().hex
    leader = _candidate(session, lease_name, uid) if settings.leader_election else None
    check = leader.check if leader else None
    pool = HttpPool(settings.proxies, check=check)
    metrics = Metrics(
        syncs=lambda: operator.cache.all(SYNC_KIND),
        depth=lambda: operator.queue.depth,
        leads=lambda: leader is None or leader.leads,
    )
    operator = make_operator(settings, Kube(session, check), uid, pool, metrics)
    health = Health(session.watches, leader, stalled=operator.queue.stalled)
    probes = Probes(health, settings.health_port)
    try:
        probes.start()
        page = await serve_metrics(settings.metrics_port, metrics)
        beating = asyncio.create_task(health.beat(), name="heartbeat")
        _listen(told)
        if leader is None or await _elected(leader, operator, health, told):
            await _act(settings, operator, session, leader, health, told)
        beating.cancel()
        await page.cleanup()
        probes.stop()
    finally:
        operator.sessions.close()
        await pool.aclose()
        await session.http.close()


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
    operator.creates = Creates(operator.clock(), others_end=timedelta(seconds=leader.times.duration))
    return True


async def _act(
    settings: ControllerSettings,
    operator: Operator,
    session: ClusterSession,
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
    tasks = [
        asyncio.create_task(operator.queue.run(), name="queue"),
        asyncio.create_task(_resync(operator, settings.resync.total_seconds()), name="resync"),
    ]
    telling = asyncio.create_task(operator.events.run(), name="events")
    watching = asyncio.create_task(_watch(settings, operator, session, ready, stop), name="watch")
    operator.enqueue_all()
    await asyncio.wait([watching, asyncio.create_task(ready.wait())], return_when=asyncio.FIRST_COMPLETED)
    _listen(told)  # kopf has put handlers of its own in the place of ours
    if ready.is_set():
        health.stage = Stage.ACTING
        _log.info("ready")
    await asyncio.wait([watching, asyncio.create_task(told.wait())], return_when=asyncio.FIRST_COMPLETED)
    _log.info("stopping")
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    telling.cancel()
    await asyncio.wait([telling])
    if leader is not None and operator.queue.idle:  # else the Lease is left to expire: something may still be sent
        await leader.resign()
    stop.set()
    await watching


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
) -> None:
    registry = make_registry(operator)

    @kopf.on.login(registry=registry)
    async def login(**_: object) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=session.server, aiohttp_session=session.kopf)

    try:
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
