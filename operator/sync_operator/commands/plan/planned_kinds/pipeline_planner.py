"""Matches Connectors and Models with what a server has, and plans what applying them would do. Pure.

With the objects of the cluster, the controller's own rules decide what belongs to a manifest, and what is adopted.
Without them, unless status or ``spec.externalId`` name one, what has the same name and the same fixed fields is assumed
to belong to the manifest, and the plan says so: a server has the name of a connector only once for each type.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from sync_operator.api.constants import CLUSTER_ANNOTATION, CREATE_STARTED_ANNOTATION, TAKE_OVER_ANNOTATION
from sync_operator.api.enums import AdoptionPolicy
from sync_operator.commands.plan.dry_run import PlanAction, PlannedChange, PlannedKind, dry_run
from sync_operator.commands.plan.plan_input import Candidate
from sync_operator.commands.plan.planned_references import NEW_UID
from sync_operator.commands.targets import Home
from sync_operator.domain.create_fence.candidates import equals
from sync_operator.domain.create_fence.matching import Claim
from sync_operator.domain.identity.ownership_mark import mark_owner, marked_cluster
from sync_operator.domain.registration.desired_state import desired_body
from sync_operator.domain.registration.resource_kind import ResourceKind
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot
from sync_operator.domain.workspace_view import WorkspaceView
from sync_operator.errors import InvalidSpecError

__all__ = ["Cluster", "PipelineKind", "plan_pipeline"]

_ASSUMED: Final = (
    "assumed: {noun} {id} has {what}, so the plan takes it for this {kind}'s own; if this {kind} was never applied, "
    "{otherwise}. Pass --live to be sure"
)
_ADOPTED: Final = "it is adopted"
_MARKED: Final = "the mark of an operator"
_UNREAD: Final = (
    "values from Secrets and ConfigMaps that are not in the input are assumed to be as they are on the server"
)
_COMPARED: Final = frozenset({PlanAction.UPDATE, PlanAction.ADOPT, PlanAction.NOTHING})


@dataclass(frozen=True, slots=True)
class Cluster:
    """What is known of the cluster.

    Attributes:
        uid: of the cluster, as its objects have it; empty if they have none, or not all the same.
        uids: of its resources of the kind.
        owners: by id of what the server has, the resource that it belongs to and that is not applied.
    """

    uid: str
    uids: frozenset[str]
    owners: Mapping[str, Home]


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineKind[S: ResourceSnapshot]:
    """How Connectors or Models are planned.

    Attributes:
        kind: for the registration engine.
        planned: for the dry run.
        snapshot: of a candidate, the fields that every view has, and those that every snapshot has: its snapshot.
        known: of a candidate, the values of Secrets or ConfigMaps that the input has.
        alike: for a message: what is alike in what is assumed to belong to a manifest.
        otherwise: for a message: what becomes of a new resource beside that.
    """

    kind: ResourceKind[S]
    planned: PlannedKind[S]
    snapshot: Callable[[Candidate, dict[str, Any], dict[str, Any]], S]
    known: Callable[[Candidate], Mapping[str, str]]
    alike: str
    otherwise: str


def plan_pipeline[S: ResourceSnapshot](
    kind: PipelineKind[S],
    candidates: Sequence[Candidate],
    rows: Mapping[str, Any],
    cluster: Cluster,
    workspace: WorkspaceView,
    now: datetime,
) -> list[PlannedChange]:
    """What applying the Connectors or Models of one server workspace would do, in their order.

    Args:
        kind: which of the two.
        candidates: the resources to be applied.
        rows: what the server has of the kind, by id.
        cluster: what is known of the cluster.
        workspace: the Workspace that they name, as the controller sees it.
        now: the current time (aware).
    """
    planning = _Planning(kind, candidates, rows, cluster, workspace, now)
    # What has an id comes first: what it becomes is what a new one meets.
    order = sorted(range(len(candidates)), key=lambda index: candidates[index].named is None)
    planned = {index: planning.plan(candidates[index]) for index in order}
    return [planned[index] for index in range(len(candidates))]


class _Planning[S: ResourceSnapshot]:
    """State of planning one kind in one server workspace."""

    def __init__(
        self,
        kind: PipelineKind[S],
        candidates: Sequence[Candidate],
        rows: Mapping[str, Any],
        cluster: Cluster,
        workspace: WorkspaceView,
        now: datetime,
    ) -> None:
        self._kind = kind
        self._rows = dict(rows)
        self._cluster = cluster
        self._workspace = workspace
        self._now = now
        self._named = defaultdict[str, list[Candidate]](list)
        for each in candidates:
            if each.named is not None:
                self._named[each.named].append(each)
        self._taken = {*cluster.owners, *self._named}
        owners = ((row.id, mark_owner(row)) for row in rows.values())
        self._marks = {remote_id: owner for remote_id, owner in owners if owner in cluster.uids}
        self._by_name = defaultdict[Any, list[Any]](list)
        for row in sorted(rows.values(), key=lambda row: int(row.id)):
            self._by_name[row.attributes.get("name")].append(row)

    def plan(self, each: Candidate) -> PlannedChange:
        """What applying one resource would do; the next ones meet what it has made."""
        known = self._kind.known(each)
        snapshot, note = self._snapshot(each, each.status, each.named), ""
        if each.status.id is None and not each.is_known:
            snapshot, note = self._assumed(each, snapshot, known)
        planned = dry_run(self._kind.planned, snapshot, known, self._rows, partial(self._equal, known))
        if planned.remote_id is not None:
            self._taken.add(planned.remote_id)
        unread = planned.action in _COMPARED and len(known) < len(self._kind.kind.secrets(each.spec))
        notes = (*((note,) if note else ()), *planned.notes, *((_UNREAD,) if unread else ()))
        return replace(planned, notes=notes)

    def _snapshot(self, each: Candidate, status: Any, remote_id: str | None) -> S:
        """With the mark that the server has, where the cluster does not say what it should be."""
        annotations = each.metadata.get("annotations")
        held = annotations if isinstance(annotations, Mapping) else {}
        uid, cluster = each.metadata.get("uid"), held.get(CLUSTER_ANNOTATION) or self._cluster.uid
        row = self._rows.get(remote_id or "")
        if not uid and row is not None and not each.is_known and (owner := mark_owner(row)) is not None:
            uid, cluster = owner, marked_cluster(row)
        kept = {name: held[name] for name in (TAKE_OVER_ANNOTATION,) if name in held}
        marks = {CREATE_STARTED_ANNOTATION: self._now.isoformat()} | ({CLUSTER_ANNOTATION: cluster} if cluster else {})
        generation = each.metadata.get("generation")
        view = {
            "namespace": each.home[0],
            "name": each.home[1],
            "uid": uid or NEW_UID,
            "generation": generation if isinstance(generation, int) else 1,
            "resource_version": "",
            "created_at": self._now,
            "status": status,
            "spec": each.spec,
            "finalizers": (self._kind.kind.finalizer,),
            "annotations": marks | kept,
        }
        registration = {
            "now": self._now,
            "kind": self._kind.kind,
            "workspace": self._workspace,
            "cluster": self._cluster.uid,
            "create_fresh": True,
            "intent_verified": True,
            "competing_claims": self._rivals(each),
            "claimed": frozenset(self._taken | self._marked_by_others(uid)),
        }
        snapshot = self._kind.snapshot(each, view, registration)
        if each.is_changed or status.id is None:
            return snapshot
        in_sync, registered = snapshot.resource.registration_state()
        seen = self._rows.get(status.id)
        return replace(
            snapshot, was_in_sync=in_sync, registered=registered, last_listed=seen, missing_from_lists=seen is None
        )

    def _assumed(self, each: Candidate, snapshot: S, known: Mapping[str, str]) -> tuple[S, str]:
        """The snapshot of a resource that is assumed to be registered already, and a note about that."""
        kind, wanted = snapshot.kind, each.spec.external_id
        row, what = self._rows.get(wanted or ""), _MARKED
        if wanted is None:
            same = [it for it in self._same_name(snapshot) if it.id not in self._taken and self._is_alike(snapshot, it)]
            row, what = (same[0] if len(same) == 1 else None), self._kind.alike
        elif row is None or mark_owner(row) is None:
            return snapshot, ""
        if row is None:
            return snapshot, ""
        adopts = each.spec.adoption_policy is AdoptionPolicy.ADOPT_OR_CREATE and self._equals(snapshot, known, row)
        otherwise = _ADOPTED if adopts or wanted is not None else self._kind.otherwise
        note = _ASSUMED.format(noun=kind.noun, kind=kind.kind, id=row.id, what=what, otherwise=otherwise)
        self._taken.add(row.id)
        update = {"id": row.id, "url": self._workspace.url, "workspace_id": self._workspace.workspace_id}
        return self._snapshot(each, each.status.model_copy(update=update), row.id), note

    def _equal(self, known: Mapping[str, str], snapshot: S) -> tuple[Any, ...]:
        """What equals the desired state and is free, as the controller looks for it."""
        free = (row for row in self._same_name(snapshot) if row.id not in snapshot.claimed)
        return tuple(row for row in free if self._equals(snapshot, known, row))

    def _equals(self, snapshot: S, known: Mapping[str, str], row: Any) -> bool:
        try:
            return equals(self._kind.planned.with_values(snapshot, known, row), row)
        except InvalidSpecError:
            return False

    def _same_name(self, snapshot: S) -> list[Any]:
        try:
            return self._by_name[desired_body(snapshot)["name"]]
        except InvalidSpecError:
            return []

    def _is_alike(self, snapshot: S, row: Any) -> bool:
        rules = snapshot.kind.rules(snapshot)
        return not rules.differing(desired_body(snapshot), row.attributes, names=rules.fixed)

    def _marked_by_others(self, uid: object) -> set[str]:
        """What carries the mark of another resource that the cluster has."""
        return {remote_id for remote_id, owner in self._marks.items() if owner != uid}

    def _rivals(self, each: Candidate) -> tuple[Claim, ...]:
        """Claims of other resources to what this one has or asks for."""
        beside = (other for other in self._named.get(each.named or "", ()) if other is not each)
        claims = [Claim("/".join(other.home), other.status.id is not None, self._now, "") for other in beside]
        owner = self._cluster.owners.get(each.spec.external_id or "") if each.status.id is None else None
        if owner is not None:
            claims.append(Claim("/".join(owner), True, self._now, ""))
        return tuple(claims)
