"""The reconcile of a Workspace: checks URL, Secrets and server, and wakes what refers to it when that changes."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sync_operator.api.constants import CONFIRM_SERVER_ANNOTATION, WORKSPACE_KIND
from sync_operator.api.enums import DialectChoice
from sync_operator.api.kinds.workspace import WorkspaceSpec
from sync_operator.api.statuses.conditions import Reason
from sync_operator.api.statuses.status import WorkspaceStatus, read_workspace_status
from sync_operator.api.statuses.status_fields import to_dict
from sync_operator.api.validation.strict_validation import read_workspace_spec
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.drift.drift_reconciler import schedule_drift_check
from sync_operator.controller.informer.store import NamespacedName
from sync_operator.controller.workqueue.workqueue import DONE, Key, Result
from sync_operator.controller.workspace.workspace_connection import WorkspaceConnection
from sync_operator.domain.blocker import Blocker
from sync_operator.domain.status.error_classification import classify_error
from sync_operator.domain.status.workspace_status import (
    probe_blocker,
    server_reset,
    shared_blocker,
    workspace_events,
    workspace_status,
)
from sync_operator.errors import AccessError, NotAdmittedError, SyncOperatorError, TransientError, UnauthorizedError
from sync_operator.kubernetes.resources import WORKSPACES
from sync_operator.syncapi.auth.login import token_subject
from sync_operator.syncapi.dialect import detect_dialect
from sync_operator.syncapi.flow.permit import Permit, Route
from sync_operator.syncapi.types import Dialect, User

__all__ = ["reconcile_workspace"]

_log = logging.getLogger(__name__)
_VERIFIED_FOR: Final = timedelta(seconds=60)
"""Skip the connection check if it succeeded less than this long ago and nothing has changed since."""
_MAX_UNREPORTED_WAIT: Final = 5.0
"""Maximum wait for a slot, in seconds, that is not reported in the status."""
_MIN_RENEWAL_DELAY: Final = 30.0
MAX_CONFIRMATION_LENGTH: Final = 253
"""Maximum length of the confirmation annotation; longer values are cut."""


@dataclass(slots=True)
class _Check:
    """Progress of one reconcile of a Workspace.

    Attributes:
        key: the Workspace.
        held: the connection before this reconcile.
        known: the server's dialect by the status; None if it is not there.
        opened: the connection made from spec and Secrets, once they were read.
        spec: the spec, once it was read.
        asked: True once a request was sent to verify the connection.
        user: the user that the token belongs to, if the server returned it.
        permit: to call the server, before the Syncs, which depend on the result.
    """

    key: Key
    held: WorkspaceConnection | None
    known: Dialect | None
    opened: WorkspaceConnection | None = None
    spec: WorkspaceSpec | None = None
    request_sent: bool = False
    user: User | None = None
    permit: Permit = field(init=False)

    def __post_init__(self) -> None:
        """Make the permit, which is for the server that the opened connection leads to."""
        self.permit = Permit(self._route, self.key, urgent=True, deadline=_MAX_UNREPORTED_WAIT)

    def _route(self) -> Route | None:
        return self.opened.route if self.opened else None


async def reconcile_workspace(context: ControllerContext, key: Key) -> Result:
    """Check one Workspace, write its status, and wake its Syncs if the connection has changed."""
    ref = NamespacedName(key.namespace, key.name)
    obj = context.store.get(WORKSPACE_KIND, ref)
    before = context.connections.get(ref)
    if obj is None:
        _handle_deleted(context, ref)
        return DONE
    status = read_workspace_status(obj.get("status", {}))
    check = _Check(key, before, Dialect(status.dialect) if status.dialect in set(Dialect) else None)
    try:
        connection = await _verify(context, check, ref, obj)
        outcome = _next_check(context, connection)
    except SyncOperatorError as error:
        if isinstance(error, NotAdmittedError):
            check.permit.wait_again(error)  # also after a request that timed out waiting for its token
            if check.permit.ends_soon(error) and not error.circuit_open:
                return DONE
        connection, outcome = _failed_check(context, check, ref, error)
        if isinstance(error, UnauthorizedError) and check.opened is not None:
            await _persist_rejection(context, check.opened, obj)
    if not context.connections.replace(ref, connection, instead_of=before):
        return Result(requeue_after=0.0)  # a Sync's reconcile has changed the connection meanwhile: check again
    changed, confirmed = _apply_confirmation(context, ref, obj, status)
    await _report(context, obj, connection, check.user, confirmed)
    if (
        changed
        or before is None
        or not before.dependents_notified
        or (before.view, before.client) != (connection.view, connection.client)
    ):
        context.enqueue_dependents(ref, changed=before is not None or connection.view.blocker is not None)
    schedule_drift_check(context, ref)
    return outcome


async def _verify(
    context: ControllerContext, check: _Check, ref: NamespacedName, obj: Mapping[str, Any]
) -> WorkspaceConnection:
    """Open a connection and verify it, unless that was done a moment ago.

    Raises:
        SyncOperatorError: it cannot be opened, or the server does not accept it.
    """
    check.spec = spec = read_workspace_spec(obj["spec"])
    check.opened = opened = await context.connections.open(ref, spec, obj)
    if opened.client is None or spec.suspend:
        return replace(opened, view=replace(opened.view, dialect=check.known))
    if opened.login is not None:
        await opened.login.session.get_valid_token(opened.login)
    now, held = context.clock(), check.held
    if held is not None and _is_verified(held, opened) and _is_recent(held, now):
        verified = replace(opened, view=replace(opened.view, dialect=held.view.dialect))
    else:
        check.request_sent = True
        wanted = None if spec.dialect is DialectChoice.AUTO else Dialect(spec.dialect.value)
        async with check.permit:
            check.permit.acquire()
            dialect, check.user = await detect_dialect(opened.client, wanted)
        opened.client.dialect = dialect
        verified = opened.with_verdict(accepted=True, account=_account(opened, check.user))
        verified = replace(verified, view=replace(verified.view, dialect=dialect), checked_at=now)
    await context.connections.publish(verified, obj)
    return verified


def _account(opened: WorkspaceConnection, user: User | None) -> str:
    """The account of verified credentials; empty if neither the server's response nor the token names it."""
    if user is not None and user.id:
        return user.id
    return token_subject(opened.login() if opened.login else opened.token)


def _is_verified(held: WorkspaceConnection, opened: WorkspaceConnection) -> bool:
    """True if the present connection is the same for this generation and has no blocker."""
    same = held.client is opened.client and held.generation == opened.generation
    return same and held.view.blocker is None and held.view.found


def _is_recent(held: WorkspaceConnection, now: datetime) -> bool:
    flows = held.route is None or held.route.gate.circuit_closed
    return flows and held.checked_at is not None and now - held.checked_at < _VERIFIED_FOR


def _failed_check(
    context: ControllerContext, check: _Check, ref: NamespacedName, error: SyncOperatorError
) -> tuple[WorkspaceConnection, Result]:
    """The connection after a failed check, and when to check again."""
    held, opened = check.held, check.opened
    passing = check.request_sent and isinstance(error, TransientError)
    if (
        passing
        and held
        and opened
        and _is_verified(held, opened)
        and opened.route
        and not opened.route.gate.has_tripped
    ):
        # A single failure is not reported: after a few the circuit opens, and then its trial request decides.
        again = opened.route.gate.circuit_closed and not isinstance(error, NotAdmittedError)
        return held, Result(failed=True) if again else DONE
    blocker = probe_blocker(classify_error(error))
    connection = opened or held or context.connections.empty(ref)
    url, workspace_id, former = connection.view.url, connection.view.workspace_id, connection.view.previous_urls
    if check.spec is not None:
        url, workspace_id, former = check.spec.url, check.spec.workspace_id, check.spec.previous_urls
    same = held is not None and opened is not None and held.client is opened.client
    before = held.view.blocker if held else None
    view = replace(
        connection.view,
        blocker=shared_blocker(before, blocker, same_credentials=same),
        found=True,
        dialect=connection.view.dialect or check.known,
        # The present values of the spec, so that a Sync registered elsewhere can detect the difference.
        url=url,
        workspace_id=workspace_id,
        previous_urls=former,
    )
    kept = (
        opened is None and connection.credentials_verified and view.remote_workspace == connection.view.remote_workspace
    )
    # While the circuit is open, its request gate wakes the Workspace for the next trial request.
    woken = passing and opened is not None and opened.route is not None and not opened.route.gate.circuit_closed
    failed = replace(connection, view=replace(view, credentials_kept=kept))
    if opened is not None and isinstance(error, AccessError):
        failed = failed.with_verdict(accepted=False)
    return failed, DONE if woken else _retry_after(blocker)


def _retry_after(blocker: Blocker) -> Result:
    """When to check again after a blocker."""
    if blocker.resolved_by_watch or (blocker.stalled and blocker.retry_after is None):
        return DONE
    return Result(failed=blocker.retry_after is None, requeue_after=blocker.retry_after)


def _next_check(context: ControllerContext, connection: WorkspaceConnection) -> Result:
    """When to check again without a blocker: only a login's token needs a timer, to renew it before it expires."""
    token = (
        connection.login.session.token(connection.login) if connection.login and not connection.view.suspended else None
    )
    if token is None:
        return DONE
    return Result(requeue_after=max(_MIN_RENEWAL_DELAY, (token.refresh_at - context.clock()).total_seconds()))


async def _persist_rejection(context: ControllerContext, opened: WorkspaceConnection, obj: Mapping[str, Any]) -> None:
    """Record a rejected login in the token Secret, so that the next process does not repeat it.

    If that fails, the status still reports the rejection.
    """
    try:
        await context.connections.publish(opened, obj)
    except SyncOperatorError as error:
        _log.warning("Workspace %s/%s: %s", obj["metadata"]["namespace"], obj["metadata"]["name"], error)


def _apply_confirmation(
    context: ControllerContext, ref: NamespacedName, obj: Mapping[str, Any], status: WorkspaceStatus
) -> tuple[bool, str | None]:
    """Apply the user's confirmation that missing syncs are to be created again.

    Returns:
        Whether this changes which syncs may be created again; and the confirmation once it has been used up, else None.
    """
    token = str(obj["metadata"].get("annotations", {}).get(CONFIRM_SERVER_ANNOTATION, ""))[:MAX_CONFIRMATION_LENGTH]
    handled = status.last_handled_server_confirmation
    changed, answers = False, set[bool]()
    for registrations in context.registrations.values():
        of_kind, used = registrations.absences.confirm(ref, token if token != handled else "")
        changed |= of_kind
        if registrations.absences.compared_at(ref) is not None:
            answers.add(used)
    return changed, token if answers == {True} else None


def _handle_deleted(context: ControllerContext, ref: NamespacedName) -> None:
    """Handle a deleted Workspace: block and wake what refers to it; keep its credentials as long as anything does."""
    for registrations in context.registrations.values():
        registrations.absences.forget(ref)
    if not context.dependents(ref):
        context.forget_workspace(ref)
        return
    message = f"Workspace {ref.name!r} was deleted; create it again"
    context.connections.mark_blocked(
        ref, Blocker(Reason.WORKSPACE_NOT_FOUND, message, resolved_by_watch=True), found=False
    )
    context.enqueue_dependents(ref, changed=True)


async def _report(
    context: ControllerContext,
    obj: dict[str, Any],
    connection: WorkspaceConnection,
    user: User | None,
    confirmed: str | None,
) -> None:
    metadata = obj["metadata"]
    ref = NamespacedName(metadata["namespace"], metadata["name"])
    now = context.clock()
    before = read_workspace_status(obj.get("status", {}))
    confirmation = {} if confirmed is None else {"last_handled_server_confirmation": confirmed}
    after = workspace_status(
        replace(connection.view, annotations=metadata.get("annotations", {})),
        before.model_copy(update=confirmation),
        user=user,
        dependents=Counter(key.kind for key in context.dependents(ref)),
        generation=metadata["generation"],
        now=now,
        comparison=context.comparisons.get(ref),
        reset=_reset(context, ref),
    )
    await context.write_status(WORKSPACES, WORKSPACE_KIND, obj, to_dict(after))
    for notice in workspace_events(before, after):
        context.events.record(obj, notice, now=now)


def _reset(context: ControllerContext, ref: NamespacedName) -> Blocker | None:
    """The blocker if the server lacks too many of a kind to create any of them again."""
    for registrations in context.registrations.values():
        absence, noun = registrations.absences.mass_absence(ref), registrations.registered_kind.kind.noun
        if absence is not None:
            return server_reset(absence, noun, namespace=ref.namespace, name=ref.name)
    return None
