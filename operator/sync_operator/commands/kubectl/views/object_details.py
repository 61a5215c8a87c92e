"""One object in full: conditions, last run, next runs, what it refers to, and what to do."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from sync_operator.commands.kubectl.cluster.cluster_client import CONNECTORS, MODELS, SYNCS, WORKSPACES, Resource
from sync_operator.commands.kubectl.session import Session
from sync_operator.commands.kubectl.views.resource_view import Condition, ResourceView, age
from sync_operator.commands.kubectl.views.run_words import reasons_of, run_line
from sync_operator.commands.terminal import Style, wrapped
from sync_operator.errors import KubernetesError
from sync_operator.util.bounds import one_line

__all__ = ["details", "details_data"]

_REFERENCES: Final = (
    ("sourceRef", CONNECTORS),
    ("destinationRef", CONNECTORS),
    ("modelRef", MODELS),
    ("connectorRef", CONNECTORS),
)
_HEADS: Final = 14


def details(view: ResourceView, session: Session) -> Iterator[str]:
    """The lines about one object."""
    style, now = session.style, session.clock()
    yield style.bold(f"{view.kind} {view.name}") + style.faint(f" in namespace {view.namespace!r}")
    yield from _line("state", _state(view), style)
    if view.kind == SYNCS.kind and view.suspended:
        reason = one_line(str(view.spec.get("suspendReason") or ""), 256)
        yield from _line("suspended", reason or "by spec.suspend, without a reason", style)
    if "deletionTimestamp" in view.metadata:
        yield from _line("deletion", "asked for; the object goes when the operator has finished", style)
    if view.status.get("id"):
        where = f"{one_line(str(view.status['id']), 32)} on {one_line(str(view.status.get('url') or '?'), 256)}"
        yield from _line("server id", where, style)
    if view.status.get("effectiveSchedule"):
        zone = one_line(str(view.status.get("timeZone") or ""), 64)
        yield from _line("schedule", f"{one_line(str(view.status['effectiveSchedule']), 256)} {zone}".strip(), style)
    if view.next_run is not None:
        yield from _line("next run", f"{view.next_run:%Y-%m-%dT%H:%M:%SZ}, in {age(view.next_run - now)}", style)
    yield from _runs(view, session)
    yield from _uses(view, session)
    said: list[str] = []
    for condition in sorted(view.conditions.values(), key=lambda each: each not in view.faults):
        yield from _condition(condition, session, view, said)
    yield from _advice(view, session)


def details_data(view: ResourceView) -> dict[str, Any]:
    """The same for programs: the object's identity, what is wrong, and its status as it stands."""
    return {
        "kind": view.kind,
        "namespace": view.namespace,
        "name": view.name,
        "suspended": view.suspended,
        "problems": [{"reason": fault.reason, "message": fault.message} for fault in view.faults],
        "status": dict(view.status),
    }


def _state(view: ResourceView) -> str:
    if not view.is_seen:
        return "no operator has looked at it yet: is it running, and does it serve this namespace?"
    if view.faults:
        return ", ".join(fault.reason for fault in view.faults)
    if not view.is_current:
        return "changed; the operator has not answered the change yet"
    return "ok" if view.is_true("Ready") else "waiting"


def _line(head: str, words: str, style: Style) -> Iterator[str]:
    yield wrapped(f"  {head.ljust(_HEADS)}{words}", style, indent=" " * (_HEADS + 2))


def _runs(view: ResourceView, session: Session) -> Iterator[str]:
    if view.kind != SYNCS.kind:
        return
    if not view.last_run:
        yield from _line("last run", "none yet", session.style)
        return
    yield from _line("last run", run_line(view.last_run, session.clock()), session.style)
    of_last = next((run for run in view.recent_runs if run.get("id") == view.last_run.get("id")), {})
    for reason in reasons_of(of_last):
        yield from _line("", reason, session.style)


def _uses(view: ResourceView, session: Session) -> Iterator[str]:
    """The objects that it refers to, and whether they are ready."""
    named: list[tuple[Resource, str]] = [] if view.kind == WORKSPACES.kind else [(WORKSPACES, view.workspace)]
    named += [(kind, name) for field, kind in _REFERENCES if (name := view.reference(field)) is not None]
    for index, (kind, name) in enumerate(dict.fromkeys(named)):
        yield from _line(
            "uses" if not index else "", f"{kind.kind} {name}: {_readiness(session, kind, view, name)}", session.style
        )


def _readiness(session: Session, kind: Resource, view: ResourceView, name: str) -> str:
    try:
        used = ResourceView(session.client.get(kind, view.namespace, name))
    except KubernetesError as error:
        return "is missing" if error.status == HTTPStatus.NOT_FOUND else str(error)
    ready = used.conditions.get("Ready")
    suspended = ", suspended" if used.suspended else ""
    if ready is None or ready.status != "True":
        return f"not ready{suspended}: {ready.message if ready else 'no operator has looked at it yet'}"
    return f"ready{suspended}"


def _condition(condition: Condition, session: Session, view: ResourceView, said: list[str]) -> Iterator[str]:
    """A condition; its message only if no condition before had the same, as most have when something is wrong."""
    style = session.style
    since = f" for {age(session.clock() - condition.since)}" if condition.since is not None else ""
    words = f"{condition.status}, {condition.reason}{since}"
    yield f"  {condition.type.ljust(_HEADS)}{style.red(words) if condition in view.faults else words}"
    if condition.message and not any(condition.message.endswith(message) for message in said):
        yield wrapped(f"{' ' * (_HEADS + 2)}{condition.message}", style, indent=" " * (_HEADS + 2))
        said.append(condition.message)


def _advice(view: ResourceView, session: Session) -> Iterator[str]:
    """Commands that lead on."""
    if not view.faults:
        return
    yield ""
    yield session.style.faint(f"  events: kubectl events --for {view.kind.lower()}/{view.name} -n {view.namespace}")
