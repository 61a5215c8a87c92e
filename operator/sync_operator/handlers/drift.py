"""Compare what is registered with its server, once a workspace and period: it finds what others changed or deleted.

A comparison is a task of its own, and no worker waits for it: a list of a large workspace takes minutes. Where the
server has none to give, the syncs are read one by one, spread over the period and within half of what calls may cost.
"""

import logging
import random
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sync_operator.decide.comparison import Way, is_news
from sync_operator.decide.id_check import is_id_news
from sync_operator.decide.identity import is_identity_news, lacks_identity
from sync_operator.decide.late_creates import looks_for_duplicates
from sync_operator.decide.picture import Picture, SyncView
from sync_operator.decide.refs import is_name_news
from sync_operator.decide.server import found_wrong
from sync_operator.errors import (
    HeldBackError,
    NoSuchCallError,
    ServerFaultError,
    SyncOperatorError,
    ThrottledError,
    TransientError,
)
from sync_operator.handlers.cache import Ref
from sync_operator.handlers.duplicates import look_for_duplicates
from sync_operator.handlers.listings import Listed
from sync_operator.handlers.names import roles_of
from sync_operator.handlers.observe import observe
from sync_operator.handlers.operator import Operator
from sync_operator.handlers.queue import DONE, DRIFT_KIND, Key, Outcome
from sync_operator.handlers.slices import Slices
from sync_operator.model.names import SYNC_KIND, WORKSPACE_KIND
from sync_operator.model.scope import Scope
from sync_operator.model.status import read_workspace_status
from sync_operator.model.sync import Scheduler
from sync_operator.model.workspace import place_of
from sync_operator.remote.client import ApiClient
from sync_operator.remote.types import Role

__all__ = ["look_for_absent", "look_for_drift", "schedule_look"]

_log = logging.getLogger(__name__)
_SHARED: Final = 0.5
"""A list younger than this part of the period serves another Workspace at the same place too."""
_MINUTE: Final = 60.0
_SINGLE_READS_SHARE: Final = 0.25
"""Part of ``spec.requestsPerMinute`` that single reads may take: half of the operator's own."""


def schedule_look(operator: Operator, workspace: Ref) -> None:
    """Look within a period, at a moment of chance so that a restart does not bring all lists at once.

    Where a look is due already it stays at its time: a Workspace whose Syncs come and go is not compared more often.
    """
    key = Key(DRIFT_KIND, *workspace)
    if not operator.queue.expects(key):
        operator.queue.add_after(key, operator.resync.total_seconds() * random.random())  # noqa: S311 (jitter)


async def look_for_drift(operator: Operator, key: Key) -> Outcome:
    """Once a period: begin to compare a Workspace's syncs with the server, and tell when that has not worked."""
    workspace = Ref(key.namespace, key.name)
    session = operator.sessions.get(workspace)
    comparisons = operator.comparisons
    if session is None or session.view.suspended or not operator.cache.syncs_of(workspace):
        comparisons.forget(workspace)
        return DONE
    obstacle = session.view.obstacle
    if session.client is None or session.scope is None or obstacle is not None:
        comparisons.failed(workspace, obstacle.message if obstacle else "there are no credentials")
    else:
        comparisons.begin(workspace, partial(_compare, operator, workspace, session.scope, session.client))
    _tell(operator, workspace)
    return Outcome(again_after=operator.resync.total_seconds())


def _tell(operator: Operator, workspace: Ref) -> None:
    """Have the Workspace's status written, where what it says of comparisons is no longer so."""
    obj, comparison = operator.cache.get(WORKSPACE_KIND, workspace), operator.comparisons.get(workspace)
    status = read_workspace_status(obj.get("status", {})) if obj is not None else None
    if status is not None and comparison is not None and is_news(comparison, status, operator.clock()):
        operator.queue.add(Key(WORKSPACE_KIND, *workspace))


async def _compare(operator: Operator, workspace: Ref, scope: Scope, client: ApiClient) -> None:
    """Find those Syncs for which the server holds something else than their status says, and wake them."""
    begun = operator.clock()
    since = begun - timedelta(seconds=_SHARED * operator.resync.total_seconds())
    try:
        words = await _walk(operator, workspace, scope, client, since)
    except SyncOperatorError as error:
        _log.warning("Workspace %s/%s: not compared with the server: %s", *workspace, error)
        operator.comparisons.failed(workspace, str(error))
    else:
        operator.comparisons.ended(workspace, begun, words)
    _tell(operator, workspace)


async def _walk(operator: Operator, workspace: Ref, scope: Scope, client: ApiClient, since: datetime) -> str:
    """Compare all Syncs; how it was done.

    Raises:
        SyncOperatorError: they could not be compared, or not all of them.
    """
    await _look_up_names(operator, workspace, scope, client, since)
    try:
        listed = await operator.listings.fetch(scope, client, since=since)
    except (HeldBackError, ThrottledError, NoSuchCallError):
        raise
    except TransientError as error:
        _log.warning("Workspace %s/%s: no list, so its syncs are read one by one: %s", *workspace, error)
        await _read_one_by_one(operator, workspace, scope, client, since)
        return f"{Way.ONE_BY_ONE}{error}"
    if await look_for_absent(operator, workspace, scope, listed.at):
        operator.queue.add(Key(WORKSPACE_KIND, *workspace))
    watched = await _wake(operator, operator.cache.syncs_of(workspace))
    for sync in await look_for_duplicates(operator, workspace, scope, listed, watched):
        operator.queue.add(Key(SYNC_KIND, sync.namespace, sync.name))
    return _way_of(listed)


async def look_for_absent(operator: Operator, workspace: Ref, scope: Scope, listed_at: datetime) -> bool:
    """Note which registered syncs the list lacks; True when the Workspace has to tell something else now."""
    session, slices = operator.sessions.get(workspace), Slices()
    known, absent = set[str](), set[str]()
    for key in operator.cache.syncs_of(workspace):
        await slices.pause()
        obj = operator.cache.get(SYNC_KIND, Ref(key.namespace, key.name))
        status = obj.get("status", {}) if obj is not None else {}
        sync_id = status.get("id")
        if session is None or sync_id is None:
            continue
        if session.view.now(place_of(status.get("url", ""), status.get("workspaceId"))) != scope.place:
            continue
        known.add(sync_id)
        if operator.listings.seen(scope, sync_id)[1]:
            absent.add(sync_id)
    return operator.absences.compared(workspace, known, absent, listed_at)


async def _wake(operator: Operator, syncs: Iterable[Key]) -> list[Picture]:
    """Wake the Syncs for which the server holds something else than their status says.

    Returns:
        Those beside whose sync another one may have been made.
    """
    slices, unhurried, watched = Slices(), list[Key](), list[Picture]()
    for sync in syncs:
        await slices.pause()
        picture = _picture(operator, sync)
        if picture is None:
            continue
        if _is_news(operator, picture):
            operator.queue.add(sync)
        elif lacks_identity(picture):
            unhurried.append(sync)
        if looks_for_duplicates(picture):
            watched.append(picture)
    if unhurried:
        operator.queue.add_slowly(unhurried, within=operator.resync.total_seconds())
    return watched


def _way_of(listed: Listed) -> str:
    """How a list served; a row that the server refuses is named, so that somebody can find and mend it."""
    if not listed.unlisted and not listed.unsure:
        return Way.BY_LIST
    rows = ", ".join(map(str, listed.unlisted))
    found = f"GET /syncs is refused for row {rows} of it (per_page=1&page={rows})" if rows else "single reads"
    ours = f", and reads of sync {', '.join(sorted(listed.unsure))} are too" if listed.unsure else ""
    return f"{Way.BUT_FOR_ROWS}{found}{ours}. Look for syncs there whose connector or model is gone"


async def _read_one_by_one(
    operator: Operator, workspace: Ref, scope: Scope, client: ApiClient, since: datetime
) -> None:
    """Read each sync by itself, and wake the Syncs for which it is not what their status says.

    Raises:
        ServerFaultError: the server refuses every one of them.
        SyncOperatorError: it cannot be asked now.
    """
    holders = defaultdict[str, list[Key]](list)
    for key in operator.cache.syncs_of(workspace):
        obj = operator.cache.get(SYNC_KIND, Ref(key.namespace, key.name))
        if obj is not None and (sync_id := obj.get("status", {}).get("id")):
            holders[sync_id].append(key)
    refused = 0
    pause = _pause_between(operator, workspace, len(holders))
    for sync_id, keys in holders.items():
        try:
            await operator.listings.read_one(scope, client, sync_id, since=since)
        except ServerFaultError:
            refused += 1
            if refused == len(holders):
                raise
        await _wake(operator, keys)
        await operator.comparisons.sleep(pause)


def _pause_between(operator: Operator, workspace: Ref, reads: int) -> float:
    """Seconds between two single reads: spread over the period, and over more where the budget is small."""
    obj = operator.cache.get(WORKSPACE_KIND, workspace) or {}
    a_minute = obj.get("spec", {}).get("requestsPerMinute", 100) * _SINGLE_READS_SHARE
    return max(operator.resync.total_seconds() / (reads + 1), _MINUTE / float(a_minute))


async def _look_up_names(operator: Operator, workspace: Ref, scope: Scope, client: ApiClient, since: datetime) -> None:
    """List what Syncs of the Workspace give by name; what cannot be listed now stays as it was known."""
    slices, roles = Slices(), set[Role]()
    for key in operator.cache.syncs_of(workspace):
        await slices.pause()
        roles |= roles_of(operator.cache.get(SYNC_KIND, Ref(key.namespace, key.name)) or {})
    if not roles:
        return
    try:
        await operator.names.fetch(scope, client, sorted(roles), since=since)
    except SyncOperatorError as error:
        _log.warning("Workspace %s/%s: names were not looked up: %s", *workspace, error)


def _watch_runs(operator: Operator, sync: SyncView) -> bool:
    """A sync that the server schedules runs without a Job of ours to tell."""
    if sync.spec is None or sync.spec.scheduler is not Scheduler.SERVER or not sync.status.id:
        return False
    operator.watch_runs.add(sync.uid)
    return True


def _picture(operator: Operator, key: Key) -> Picture | None:
    obj = operator.cache.get(SYNC_KIND, Ref(key.namespace, key.name))
    picture = observe(operator, obj) if obj is not None else None
    usable = picture is not None and picture.sync.spec is not None and picture.workspace.dialect is not None
    return picture if usable else None


def _is_news(operator: Operator, picture: Picture) -> bool:
    if _watch_runs(operator, picture.sync) or is_identity_news(picture):
        return True
    if is_name_news(picture) or is_id_news(picture):
        return True
    if picture.seen is None:
        return picture.missing
    moved = picture.seen.status != (picture.sync.status.server_status or "")
    secret = picture.sync.spec is not None and bool(picture.sync.spec.configuration_secrets)
    return moved or secret or found_wrong(picture, picture.seen)
