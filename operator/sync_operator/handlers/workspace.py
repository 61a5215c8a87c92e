"""Reconcile of a Workspace: check URL, Secrets and server, and tell Syncs whether they may go on."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sync_operator.cluster.kube import WORKSPACES
from sync_operator.decide.obstacles import obstacle_of
from sync_operator.decide.picture import Obstacle
from sync_operator.decide.workspace import (
    probe_obstacle,
    server_reset,
    standing_obstacle,
    workspace_notices,
    workspace_status,
)
from sync_operator.errors import AccessError, HeldBackError, SyncOperatorError, TransientError, UnauthorizedError
from sync_operator.handlers.cache import Ref
from sync_operator.handlers.drift import schedule_look
from sync_operator.handlers.operator import Operator
from sync_operator.handlers.queue import DONE, Key, Outcome
from sync_operator.handlers.session import Session
from sync_operator.model.conditions import Reason
from sync_operator.model.enums import DialectChoice
from sync_operator.model.names import CONFIRM_SERVER, WORKSPACE_KIND
from sync_operator.model.reading import read_workspace_spec
from sync_operator.model.status import WorkspaceStatus, read_workspace_status, to_dict
from sync_operator.model.workspace import WorkspaceSpec
from sync_operator.remote.detect import detect_dialect
from sync_operator.remote.login import token_subject
from sync_operator.remote.types import Dialect, User

__all__ = ["reconcile_workspace"]

_log = logging.getLogger(__name__)
_PROVEN_FOR: Final = timedelta(seconds=60)
"""A connection that was proven so lately is not asked again only because a Sync or a Secret came or went."""
_SOON: Final = 5.0
"""Seconds that a Workspace may wait for its turn without a word."""
_SHORTEST_WAIT: Final = 30.0
MAX_WORD: Final = 253
"""Characters of an annotation by which the user confirms something; what is longer is cut."""


@dataclass(slots=True)
class _Look:
    """One look at a Workspace, as far as it has got.

    Attributes:
        held: the session before.
        opened: the session as spec and Secrets give it, if they could be read.
        spec: the spec, if it could be read.
        asked: True once the server was asked to prove the connection.
        user: who the token belongs to, if the server told.
    """

    held: Session | None
    known: Dialect | None
    opened: Session | None = None
    spec: WorkspaceSpec | None = None
    asked: bool = False
    user: User | None = None


async def reconcile_workspace(operator: Operator, key: Key) -> Outcome:
    """Look at one Workspace, write its status, and wake its Syncs when anything about it changed."""
    ref = Ref(key.namespace, key.name)
    obj = operator.cache.get(WORKSPACE_KIND, ref)
    before = operator.sessions.get(ref)
    if obj is None:
        _gone(operator, ref)
        return DONE
    status = read_workspace_status(obj.get("status", {}))
    look = _Look(before, Dialect(status.dialect) if status.dialect in set(Dialect) else None)
    try:
        session = await _prove(operator, look, ref, obj)
        outcome = _next_look(operator, session)
    except SyncOperatorError as error:
        if isinstance(error, HeldBackError) and look.opened and _waits_briefly(look.opened, key, error):
            return DONE
        session, outcome = _troubled(operator, look, ref, error)
        if isinstance(error, UnauthorizedError) and look.opened is not None:
            await _remember_refusal(operator, look.opened, obj)
    if not operator.sessions.keep(ref, session, instead_of=before):
        return Outcome(again_after=0.0)  # a Sync found out something else meanwhile: look once more
    anew, confirmed = _hear(operator, ref, obj, status)
    await _report(operator, obj, session, look.user, confirmed)
    if anew or before is None or not before.told or (before.view, before.client) != (session.view, session.client):
        operator.wake_syncs(ref, changed=before is not None or session.view.obstacle is not None)
    schedule_look(operator, ref)
    return outcome


async def _prove(operator: Operator, look: _Look, ref: Ref, obj: Mapping[str, Any]) -> Session:
    """Open a session and prove it.

    Raises:
        SyncOperatorError: it cannot be opened, or does not work.
    """
    look.spec = spec = read_workspace_spec(obj["spec"])
    look.opened = opened = await operator.sessions.open(ref, spec, obj)
    if opened.client is None or spec.suspend:
        return replace(opened, view=replace(opened.view, dialect=look.known))
    if opened.login is not None:
        await opened.login.account.ensure(opened.login)
    now, held = operator.clock(), look.held
    if held is not None and _is_proven(held, opened) and _is_recent(held, now):
        proven = replace(opened, view=replace(opened.view, dialect=held.view.dialect))
    else:
        look.asked = True
        wanted = None if spec.dialect is DialectChoice.AUTO else Dialect(spec.dialect.value)
        with _admitted(opened, Key(WORKSPACE_KIND, *ref)):
            dialect, look.user = await detect_dialect(opened.client, wanted)
        opened.client.dialect = dialect
        proven = opened.judged(accepted=True, account=_account(opened, look.user))
        proven = replace(proven, view=replace(proven.view, dialect=dialect), checked_at=now)
    await operator.sessions.publish(proven, obj)
    return proven


def _account(opened: Session, user: User | None) -> str:
    """Who the proven credentials belong to; empty where neither the server nor the token tells."""
    if user is not None and user.id:
        return user.id
    return token_subject(opened.login() if opened.login else opened.token)


@contextmanager
def _admitted(opened: Session, key: Key) -> Iterator[None]:
    """Be let in before the Syncs, which wait for what is found out.

    Raises:
        HeldBackError: it is not the Workspace's turn; it is woken when it is.
    """
    if opened.route is None:
        yield
        return
    with opened.route.arrive(key) as called, nullcontext() if called else opened.route.admit(key, first=True):
        yield


def _is_proven(held: Session, opened: Session) -> bool:
    """True when the session held is the same and has worked until now."""
    same = held.client is opened.client and held.generation == opened.generation
    return same and held.view.obstacle is None and held.view.found


def _is_recent(held: Session, now: datetime) -> bool:
    flows = held.route is None or held.route.open
    return flows and held.checked_at is not None and now - held.checked_at < _PROVEN_FOR


def _waits_briefly(opened: Session, key: Key, error: HeldBackError) -> bool:
    """Wait for the next turn, also where a call gave up waiting; True when that is too short to be told of."""
    if opened.route is None:
        return False
    opened.route.park(key, first=True)
    return opened.route.open and error.seconds < _SOON


def _troubled(operator: Operator, look: _Look, ref: Ref, error: SyncOperatorError) -> tuple[Session, Outcome]:
    """The session after a look that failed, and when to look again."""
    held, opened = look.held, look.opened
    passing = look.asked and isinstance(error, TransientError)
    if passing and held and opened and _is_proven(held, opened) and opened.route and not opened.route.stopped:
        # One bad answer is no news: the traffic stops by itself after a few, and then its probe decides.
        again = opened.route.open and not isinstance(error, HeldBackError)
        return held, Outcome(failed=True) if again else DONE
    obstacle = probe_obstacle(obstacle_of(error))
    session = opened or held or operator.sessions.blank(ref)
    url, workspace_id, former = session.view.url, session.view.workspace_id, session.view.previous_urls
    if look.spec is not None:
        url, workspace_id, former = look.spec.url, look.spec.workspace_id, look.spec.previous_urls
    same = held is not None and opened is not None and held.client is opened.client
    before = held.view.obstacle if held else None
    view = replace(
        session.view,
        obstacle=standing_obstacle(before, obstacle, same_credentials=same),
        found=True,
        dialect=session.view.dialect or look.known,
        # What the Workspace names now, so that a Sync which lives elsewhere can tell.
        url=url,
        workspace_id=workspace_id,
        previous_urls=former,
    )
    kept = opened is None and session.proven and view.place == session.view.place
    # Where the traffic does not flow, it wakes us itself for the next probe.
    woken = passing and opened is not None and opened.route is not None and not opened.route.open
    troubled = replace(session, view=replace(view, credentials_kept=kept))
    if opened is not None and isinstance(error, AccessError):
        troubled = troubled.judged(accepted=False)
    return troubled, DONE if woken else _after(obstacle)


def _after(obstacle: Obstacle) -> Outcome:
    """When to look again."""
    if obstacle.waits or (obstacle.stalled and obstacle.retry_after is None):
        return DONE
    return Outcome(failed=obstacle.retry_after is None, again_after=obstacle.retry_after)


def _next_look(operator: Operator, session: Session) -> Outcome:
    """A login's token is renewed ahead of its end; nothing else needs a look by the clock."""
    token = session.login.account.token(session.login) if session.login and not session.view.suspended else None
    if token is None:
        return DONE
    return Outcome(again_after=max(_SHORTEST_WAIT, (token.due - operator.clock()).total_seconds()))


async def _remember_refusal(operator: Operator, opened: Session, obj: Mapping[str, Any]) -> None:
    """Write down that the login is not to be repeated, for the next process; the status says it in any case."""
    try:
        await operator.sessions.publish(opened, obj)
    except SyncOperatorError as error:
        _log.warning("Workspace %s/%s: %s", obj["metadata"]["namespace"], obj["metadata"]["name"], error)


def _hear(operator: Operator, ref: Ref, obj: Mapping[str, Any], status: WorkspaceStatus) -> tuple[bool, str | None]:
    """Whether the user's word on missing syncs changes what may be made anew, and the word where it is used up."""
    word = str(obj["metadata"].get("annotations", {}).get(CONFIRM_SERVER, ""))[:MAX_WORD]
    heard = status.last_handled_server_confirmation
    anew, used = operator.absences.accept(ref, word if word != heard else "")
    return anew, word if used else None


def _gone(operator: Operator, ref: Ref) -> None:
    """The Workspace was deleted: Syncs learn of it; credentials are kept while any Sync may still need them."""
    operator.absences.forget(ref)
    if not operator.cache.syncs_of(ref):
        operator.forget_workspace(ref)
        return
    message = f"Workspace {ref.name!r} was deleted; create it again"
    operator.sessions.block(ref, Obstacle(Reason.WORKSPACE_NOT_FOUND, message, waits=True), found=False)
    operator.wake_syncs(ref, changed=True)


async def _report(
    operator: Operator, obj: dict[str, Any], session: Session, user: User | None, confirmed: str | None
) -> None:
    metadata = obj["metadata"]
    ref = Ref(metadata["namespace"], metadata["name"])
    now = operator.clock()
    before = read_workspace_status(obj.get("status", {}))
    absence = operator.absences.mass(ref)
    told = {} if confirmed is None else {"last_handled_server_confirmation": confirmed}
    after = workspace_status(
        replace(session.view, annotations=metadata.get("annotations", {})),
        before.model_copy(update=told),
        user=user,
        syncs=len(operator.cache.syncs_of(ref)),
        generation=metadata["generation"],
        now=now,
        comparison=operator.comparisons.get(ref),
        reset=server_reset(absence, namespace=ref.namespace, name=ref.name) if absence is not None else None,
    )
    await operator.write_status(WORKSPACES, WORKSPACE_KIND, obj, to_dict(after))
    for notice in workspace_notices(before, after):
        operator.events.record(obj, notice, now=now)
