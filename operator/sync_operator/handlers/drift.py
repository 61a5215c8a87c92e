"""One list per server workspace and period: it finds what others changed or deleted there, and wakes those Syncs."""

import logging
import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from sync_operator.decide.identity import is_identity_news, lacks_identity
from sync_operator.decide.picture import Picture, SyncView
from sync_operator.decide.refs import is_name_news
from sync_operator.decide.server import found_wrong
from sync_operator.errors import SyncOperatorError
from sync_operator.handlers.cache import Ref
from sync_operator.handlers.names import roles_of
from sync_operator.handlers.observe import observe
from sync_operator.handlers.operator import Operator
from sync_operator.handlers.queue import DONE, DRIFT_KIND, Key, Outcome
from sync_operator.handlers.session import Session
from sync_operator.model.names import SYNC_KIND
from sync_operator.model.sync import Scheduler

__all__ = ["look_for_drift", "schedule_look"]

_log = logging.getLogger(__name__)
_SHARED: Final = 0.5
"""A list younger than this part of the period serves another Workspace at the same place too."""


def schedule_look(operator: Operator, workspace: Ref) -> None:
    """Look within a period, at a moment of chance so that a restart does not bring all lists at once."""
    seconds = operator.resync.total_seconds() * random.random()  # noqa: S311 (jitter, not a secret)
    operator.queue.add_after(Key(DRIFT_KIND, *workspace), seconds)


async def look_for_drift(operator: Operator, key: Key) -> Outcome:
    """List a Workspace's syncs, and wake those Syncs for which the list is not what their status says."""
    workspace = Ref(key.namespace, key.name)
    session = operator.sessions.get(workspace)
    syncs = operator.cache.syncs_of(workspace)
    if session is None or session.view.obstacle or session.view.suspended or not syncs:
        return DONE
    if session.client is None or session.scope is None:
        return DONE
    again = Outcome(again_after=operator.resync.total_seconds())
    since = operator.clock() - timedelta(seconds=_SHARED * operator.resync.total_seconds())
    try:
        await operator.listings.fetch(session.scope, session.client, since=since)
    except SyncOperatorError as error:
        _log.warning("Workspace %s/%s: not compared with the server: %s", key.namespace, key.name, error)
        return again
    await _look_up_names(operator, session, syncs, since)
    unhurried = []
    for sync in syncs:
        picture = _picture(operator, sync)
        if picture is None:
            continue
        if _is_news(operator, picture):
            operator.queue.add(sync)
        elif lacks_identity(picture):
            unhurried.append(sync)
    if unhurried:
        operator.queue.add_slowly(unhurried, within=operator.resync.total_seconds())
    return again


async def _look_up_names(operator: Operator, session: Session, syncs: Iterable[Key], since: datetime) -> None:
    """List what Syncs of the Workspace give by name; what cannot be listed now stays as it was known."""
    known = (operator.cache.get(SYNC_KIND, Ref(key.namespace, key.name)) for key in syncs)
    roles = {role for obj in known if obj is not None for role in roles_of(obj)}
    if not roles or session.client is None or session.scope is None:
        return
    try:
        await operator.names.fetch(session.scope, session.client, sorted(roles), since=since)
    except SyncOperatorError as error:
        _log.warning("Workspace of %s: names were not looked up: %s", session.view.url, error)


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
    if _watch_runs(operator, picture.sync) or is_name_news(picture) or is_identity_news(picture):
        return True
    if picture.seen is None:
        return picture.absent
    moved = picture.seen.status != (picture.sync.status.server_status or "")
    secret = picture.sync.spec is not None and bool(picture.sync.spec.configuration_secrets)
    return moved or secret or found_wrong(picture, picture.seen)
