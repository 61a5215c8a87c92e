"""A Connector or Model of the cluster as what refers to it sees it, and why that has to wait for it. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND
from sync_operator.api.enums import DiscoverPolicy, QueryType
from sync_operator.api.kinds.workspace import RemoteWorkspace
from sync_operator.api.rules.query_text import NO_CURSOR, takes_cursor
from sync_operator.api.statuses.conditions import ConditionType, Reason
from sync_operator.domain.blocker import Blocker
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot
from sync_operator.syncapi.types import RefKind
from sync_operator.util.redact import redact

__all__ = ["ReferenceView", "cursor_blocker", "reference_blocker", "stream_blocker", "view_of"]

_MAX_WORDS: Final = 300
"""Characters of another resource's message that a message repeats."""
_MAX_LISTED: Final = 5
_MAX_SHOWN: Final = 60
"""Characters of a stream's name that a message shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceView:
    """A Connector or Model that another resource of the namespace refers to by ``…Ref.name``.

    Attributes:
        kind: ``Connector`` or ``Model``.
        name: of the resource.
        found: False if there is no such resource.
        deleting: True if it is being deleted.
        id: the server's id; None before it is registered.
        registered_at: when the server created it, by the server's clock; None if unknown.
        ready: True if it is Ready as it stands.
        trouble: reason and message of the condition that keeps others waiting; empty if it has none yet.
        workspace: name of its Workspace.
        remote_workspace: server and workspace where it is registered; None before.
        connector_type: of a Connector, ``source`` or ``destination``.
        definition: of a Connector, the name of its definition on the server.
        connector_id: of a Model, the server's id of the source that it reads from; None if unknown.
        query: of a Model, its SQL as it stands in the spec; empty if it is elsewhere, or is no SQL.
        streams: of a Connector, names of streams in its catalog.
        stream_count: how many streams the catalog has; None without a catalog.
    """

    kind: str
    name: str
    found: bool = True
    deleting: bool = False
    id: int | None = None
    registered_at: datetime | None = None
    ready: bool = False
    trouble: str = ""
    workspace: str = "default"
    remote_workspace: RemoteWorkspace | None = None
    connector_type: str = ""
    definition: str = ""
    connector_id: int | None = None
    query: str = ""
    streams: tuple[str, ...] = ()
    stream_count: int | None = None

    @property
    def words(self) -> str:
        """Kind and name, for a message."""
        return f"{self.kind} {self.name!r}"


def view_of(
    kind: str, obj: Mapping[str, Any], workspace: str, remote_workspace: RemoteWorkspace | None
) -> ReferenceView:
    """A Connector or Model as it is stored in the cluster.

    Args:
        kind: of the object.
        obj: the object.
        workspace: name of its Workspace.
        remote_workspace: server and workspace where it is registered, if it is; None if unknown.
    """
    metadata, spec, status = obj["metadata"], obj.get("spec", {}), obj.get("status", {})
    conditions = {entry["type"]: entry for entry in status.get("conditions", ())}
    ready, remote_id = conditions.get(ConditionType.READY, {}), status.get("id")
    current = ready.get("observedGeneration") == metadata.get("generation")
    discovered = conditions.get(ConditionType.DISCOVERED)
    trouble = "" if ready.get("status") == "True" else _said(ready)
    is_ready = current and ready.get("status") == "True"
    if is_ready and _lacks_catalog(kind, spec, discovered):
        is_ready, trouble = False, _said(discovered) if discovered else "its catalog was not read yet"
    registered_at = status.get("registeredAt")
    return ReferenceView(
        kind=kind,
        name=metadata["name"],
        deleting="deletionTimestamp" in metadata,
        id=int(remote_id) if remote_id else None,
        registered_at=datetime.fromisoformat(registered_at) if registered_at else None,
        ready=is_ready,
        trouble=trouble,
        workspace=workspace,
        remote_workspace=remote_workspace if remote_id else None,
        connector_type=spec.get("connectorType", "") if kind == CONNECTOR_KIND else "",
        definition=spec.get("connectorName", "") if kind == CONNECTOR_KIND else "",
        connector_id=status.get("connectorId"),
        query=spec.get("query", "") if kind == MODEL_KIND and spec.get("queryType") != QueryType.SOQL else "",
        streams=tuple(status.get("streams", ())),
        stream_count=status.get("streamCount"),
    )


def reference_blocker(
    snapshot: ResourceSnapshot, view: ReferenceView, field: str, connector_type: str = ""
) -> Blocker | None:
    """The blocker if what a resource refers to cannot be used yet, or not at all; for one that is not registered yet.

    A change of what it refers to queues the resource, so none of these is retried.

    Args:
        snapshot: of the resource that refers to it.
        view: what it refers to.
        field: path of the reference in the manifest.
        connector_type: of a Connector, the type that is needed.
    """
    return next(_blockers(snapshot, view, f"{field}.name", connector_type), None)


def _blockers(snapshot: ResourceSnapshot, view: ReferenceView, field: str, connector_type: str) -> Iterator[Blocker]:
    kind, namespace = snapshot.kind.kind, snapshot.resource.namespace
    if not view.found:
        yield _waits(
            f"{field}: there is no {view.words} in namespace {namespace!r}; create it, and this {kind} goes on by "
            f"itself; a name that something has on the server is written as {field.removesuffix('.name')}.serverName"
        )
        return
    if view.connector_type not in {"", connector_type}:
        yield _wrong(
            f"{field}: {view.words} is a {view.connector_type}, and a {connector_type} is needed; name a Connector "
            f"whose connectorType is {connector_type}"
        )
    if view.deleting:
        yield _waits(f"{field}: {view.words} is being deleted; name another one, or create it again")
    here = snapshot.workspace.remote_workspace
    if view.remote_workspace is not None and view.remote_workspace != here:
        yield _wrong(
            f"{field}: {view.words} is registered through Workspace {view.workspace!r}, in another workspace of a "
            f"server than Workspace {snapshot.workspace.name!r} of this {kind} names; both have to name the same one"
        )
    if view.id is None or not view.ready:
        why = redact(view.trouble, limit=_MAX_WORDS) or "the operator has not looked at it yet"
        words = f"{field}: {view.words} is not Ready, and this {kind} waits for it: {why}"
        yield _waits(words, brief=not view.trouble)


def cursor_blocker(view: ReferenceView, cursor_field: str | None) -> Blocker | None:
    """The blocker if the runs of a Sync with a cursor field would break on a Model's query; None if that is unknown."""
    if cursor_field is None or takes_cursor(view.query):
        return None
    return _wrong(f"spec.cursorField: the query of {view.words} ends in a condition or an order, and {NO_CURSOR}")


def stream_blocker(view: ReferenceView, stream: str) -> Blocker | None:
    """The blocker if a destination's catalog lacks a stream; None if it has it, or if not all its streams are known."""
    if stream in view.streams or view.stream_count is None or view.stream_count > len(view.streams):
        return None
    near = get_close_matches(stream, view.streams, n=1)
    shown = [f"'{redact(name, limit=_MAX_SHOWN)}'" for name in near or view.streams[:_MAX_LISTED]]
    more = len(view.streams) - len(shown)
    there = f"did you mean {shown[0]}?" if near else f"its streams are {', '.join(shown) or '(none)'}"
    rest = f" and {more} more" if more > 0 and not near else ""
    return _wrong(
        f"spec.streamName: {view.words} has no stream '{redact(stream, limit=_MAX_SHOWN)}'; {there}{rest}; if it is "
        f'new: kubectl annotate connector {view.name} squared.ai/discover-requested-at="$(date +%s)" --overwrite'
    )


def _waits(message: str, *, brief: bool = False) -> Blocker:
    return Blocker(Reason.REFERENCE_NOT_READY, message, resolved_by_watch=True, brief=brief)


def _wrong(message: str) -> Blocker:
    return Blocker(Reason.INVALID_SPEC, message, stalled=True, resolved_by_watch=True)


def _lacks_catalog(kind: str, spec: Mapping[str, Any], discovered: Mapping[str, Any] | None) -> bool:
    """True for a destination whose catalog is to be read, and was not."""
    if kind != CONNECTOR_KIND or spec.get("connectorType") != RefKind.DESTINATION:
        return False
    if discovered is not None:
        return discovered.get("status") != "True"
    return spec.get("discover") != DiscoverPolicy.NEVER


def _said(condition: Mapping[str, Any]) -> str:
    return f"{condition.get('reason')}: {condition.get('message')}" if condition else ""
