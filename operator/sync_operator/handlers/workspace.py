"""Reconcile of a Workspace: check URL, Secrets and server, and tell Syncs whether they may go on."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sync_operator.cluster.events import post_event
from sync_operator.cluster.kube import WORKSPACES
from sync_operator.decide.obstacles import obstacle_of
from sync_operator.decide.picture import Obstacle
from sync_operator.decide.workspace import probe_obstacle, workspace_notice, workspace_status
from sync_operator.errors import SyncOperatorError
from sync_operator.handlers.cache import Ref
from sync_operator.handlers.drift import schedule_look
from sync_operator.handlers.operator import Operator
from sync_operator.handlers.queue import DONE, Key, Outcome
from sync_operator.handlers.sessions import Session
from sync_operator.model.conditions import Reason
from sync_operator.model.enums import DialectChoice
from sync_operator.model.names import WORKSPACE_KIND
from sync_operator.model.reading import read_workspace_spec
from sync_operator.model.status import read_workspace_status, to_dict
from sync_operator.model.workspace import WorkspaceSpec
from sync_operator.remote.detect import detect_dialect
from sync_operator.remote.types import Dialect, User

__all__ = ["reconcile_workspace"]


async def reconcile_workspace(operator: Operator, key: Key) -> Outcome:
    """Look at one Workspace, write its status, and wake its Syncs when anything about it changed."""
    ref = Ref(key.namespace, key.name)
    obj = operator.cache.get(WORKSPACE_KIND, ref)
    before = operator.sessions.get(ref)
    if obj is None:
        _gone(operator, ref)
        return DONE
    session, user = await _look(operator, ref, obj)
    operator.sessions.keep(ref, session)
    await _report(operator, obj, session, user)
    if before is None or before.view != session.view or before.client is not session.client:
        operator.wake_syncs(ref)
    obstacle = session.view.obstacle
    if obstacle is None:
        schedule_look(operator, ref)
    if obstacle is None or obstacle.waits or (obstacle.stalled and obstacle.retry_after is None):
        return DONE
    return Outcome(failed=obstacle.retry_after is None, again_after=obstacle.retry_after)


async def _look(operator: Operator, ref: Ref, obj: Mapping[str, Any]) -> tuple[Session, User | None]:
    """Open a session and prove it; what goes wrong becomes the session's obstacle."""
    held = operator.sessions.get(ref)
    status = read_workspace_status(obj.get("status", {}))
    known = Dialect(status.dialect) if status.dialect in set(Dialect) else None
    opened: Session | None = None
    spec: WorkspaceSpec | None = None
    try:
        spec = read_workspace_spec(obj["spec"])
        opened = await operator.sessions.open(ref, spec)
        if opened.client is None or spec.suspend:
            return replace(opened, view=replace(opened.view, dialect=known)), None
        wanted = None if spec.dialect is DialectChoice.AUTO else Dialect(spec.dialect.value)
        dialect, user = await detect_dialect(opened.client, wanted)
        opened.client.dialect = dialect
        return replace(opened, view=replace(opened.view, dialect=dialect)), user
    except SyncOperatorError as error:
        obstacle = probe_obstacle(obstacle_of(error))
        session = opened or held or operator.sessions.blank(ref)
        view = replace(
            session.view,
            obstacle=obstacle,
            found=True,
            dialect=session.view.dialect or known,
            # What the Workspace names now, so that a Sync which lives elsewhere can tell.
            url=spec.url if spec else session.view.url,
            workspace_id=spec.workspace_id if spec else session.view.workspace_id,
        )
        kept = opened is None and session.proven and view.place == session.view.place
        return replace(session, view=replace(view, credentials_kept=kept)), None


def _gone(operator: Operator, ref: Ref) -> None:
    """The Workspace was deleted: Syncs learn of it; credentials are kept while any Sync may still need them."""
    if not operator.cache.syncs_of(ref):
        operator.sessions.forget(ref)
        return
    message = f"Workspace {ref.name!r} was deleted; create it again"
    operator.sessions.block(ref, Obstacle(Reason.WORKSPACE_NOT_FOUND, message, waits=True), found=False)
    operator.wake_syncs(ref)


async def _report(operator: Operator, obj: dict[str, Any], session: Session, user: User | None) -> None:
    metadata = obj["metadata"]
    ref = Ref(metadata["namespace"], metadata["name"])
    now = operator.clock()
    before = read_workspace_status(obj.get("status", {}))
    after = workspace_status(
        session.view,
        before,
        user=user,
        syncs=len(operator.cache.syncs_of(ref)),
        generation=metadata["generation"],
        now=now,
    )
    await operator.write_status(WORKSPACES, WORKSPACE_KIND, obj, to_dict(after))
    notice = workspace_notice(before, after)
    if notice is not None:
        await post_event(operator.kube, obj, notice, now=now)
