"""Matches manifests with the server's syncs, and plans what applying all of them would do. Pure.

A manifest with a ``status`` (its own, or that of the live object) or with ``spec.externalId`` names its sync. Any other
manifest may have been applied already or not; only the server's syncs can show it. So a sync that matches is assumed to
belong to it, and the plan says so.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sync_operator.api.enums import AdoptionPolicy
from sync_operator.api.kinds.sync import SyncSpec
from sync_operator.api.statuses.status import SyncStatus
from sync_operator.commands.plan.candidate_index import CandidateIndex
from sync_operator.commands.plan.dry_run import PlanAction, PlannedChange, dry_run, snapshot_of
from sync_operator.commands.server_access import WorkspaceContent
from sync_operator.commands.targets import Home, Secrets, Target
from sync_operator.commands.validate.checks.object_checks import Checked
from sync_operator.domain.create_fence.matching import Claim
from sync_operator.domain.reference_view import ReferenceView
from sync_operator.domain.sync.name_resolution import Names
from sync_operator.domain.sync.references import found_by_name, named_roles
from sync_operator.domain.workspace_view import WorkspaceView
from sync_operator.errors import InvalidSpecError
from sync_operator.syncapi.types import RefKind

__all__ = ["Applied", "Candidate", "plan_workspace"]

_SHARED_REFERENCES = "the same source, destination, model and stream"
_ASSUMED = (
    "assumed: sync {id} has {what}, so the plan takes it for this Sync's own; if this Sync was never applied, "
    "{otherwise}. Set spec.externalId, or pass --live, to be sure"
)
_FIRST = "{names} is not registered yet: that comes first, and the ids of the new sync are known then"
_CREATED = "a second sync is created beside it"
_ADOPTED = "it is adopted"
_SIMILAR_NOTE = f"sync {{ids}} on the server has {_SHARED_REFERENCES}; to take it over, set spec.externalId to its id"
_UNREAD = "values from Secrets that are not in the input are assumed to be as they are on the server"


@dataclass(frozen=True, slots=True)
class Applied:
    """A Sync's status in the cluster; None if the Sync does not exist there."""

    status: SyncStatus | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A Sync to be applied.

    Attributes:
        checked: the checked manifest.
        spec: its spec.
        applied: its state in the cluster; None if unknown.
        references: the Connectors and Models that it names by their resource.
    """

    checked: Checked[SyncSpec]
    spec: SyncSpec
    applied: Applied | None
    references: Mapping[RefKind, ReferenceView] = field(default_factory=dict)

    @property
    def home(self) -> Home:
        """Namespace and name."""
        return self.checked.manifest.namespace, self.checked.manifest.name

    @property
    def status(self) -> SyncStatus:
        """The status in the cluster; an empty one if unknown."""
        return (self.applied and self.applied.status) or SyncStatus()

    @property
    def named(self) -> str | None:
        """The server id that its status or ``spec.externalId`` names; None without either."""
        return self.status.id or self.spec.external_id


def plan_workspace(
    target: Target,
    found: WorkspaceContent,
    candidates: Sequence[Candidate],
    secrets: Secrets,
    owners: Mapping[str, Home],
    now: datetime,
) -> list[PlannedChange]:
    """What applying the Syncs of one server workspace would do, in the order of the Syncs.

    Args:
        target: the server workspace.
        found: its syncs, connectors and models.
        candidates: the Syncs to be applied.
        secrets: the Secrets of the input.
        owners: the Syncs of the cluster that are not applied, by the id of the server sync that belongs to each.
        now: the current time (aware).
    """
    known = [secrets.configuration(each.home[0], each.spec.configuration_secrets) for each in candidates]
    specs = [_by_ids(each, found.names) for each in candidates]
    named = defaultdict[str | None, list[Candidate]](list)
    for each in candidates:
        named[each.named].append(each)
    taken = frozenset(owners) | {sync_id for sync_id in named if sync_id}
    shelf = CandidateIndex(found, taken)
    assumed = _assumed(candidates, specs, known, shelf)
    view = WorkspaceView(
        name=target.name,
        url=target.url,
        workspace_id=target.workspace_id,
        dialect=found.dialect,
        suspended=target.suspended,
        timeout_seconds=target.timeout_seconds,
    )
    plans = []
    for index, each in enumerate(candidates):
        status, note = each.status, ""
        if index in assumed:
            sync_id, note = assumed[index]
            status = SyncStatus(id=sync_id, url=target.url, workspace_id=target.workspace_id)
        rivals = (*_rivals(each, named[each.named], now), *_owner(each, owners, now)) if each.named else ()
        snapshot = snapshot_of(each.spec, each.home, status, view, now)
        snapshot = replace(snapshot, competing_claims=rivals, claimed=taken, names=found.names, unlisted=found.unlisted)
        snapshot = replace(snapshot, references=each.references)
        first = [view.words for view in each.references.values() if view.found and view.id is None]
        if first and each.named is None:
            plans.append(PlannedChange(PlanAction.CREATE, None, (), (_FIRST.format(names=", ".join(first)),)))
            continue
        spec = specs[index] if each.named is None and index not in assumed else None
        equal = shelf.equal(spec, known[index]) if spec is not None else ()
        planned_change = dry_run(snapshot, known[index], found.syncs, equal)
        if planned_change.action is PlanAction.ADOPT and equal:
            shelf.take(equal[0])
        spec = specs[index] if planned_change.action is PlanAction.CREATE and each.applied is None else None
        alike = shelf.alike(spec) if spec else ()
        more = (_SIMILAR_NOTE.format(ids=" or ".join(remote.id for remote in alike[:3])),) if alike else ()
        compared = planned_change.action not in {PlanAction.CREATE, PlanAction.RECREATE, PlanAction.BLOCKED}
        unread = (_UNREAD,) if compared and len(known[index]) < len(each.spec.configuration_secrets) else ()
        notes = (*((note,) if note else ()), *planned_change.notes, *more, *unread)
        plans.append(replace(planned_change, notes=notes))
    return plans


def _by_ids(each: Candidate, names: Names) -> SyncSpec | None:
    """The spec with names replaced by ids; None if a name is not found, which the plan reports."""
    changes: dict[str, object] = {}
    spec = each.spec
    for role, view in each.references.items():
        if view.id is None:
            return None
        changes |= {f"{role}_id": view.id, f"{role}_ref": None}
    try:
        for role in named_roles(spec):
            changes |= {f"{role}_id": found_by_name(spec, role, names).id, f"{role}_ref": None}
    except InvalidSpecError:
        return None
    return spec.model_copy(update=changes) if changes else spec


def _assumed(
    candidates: Sequence[Candidate],
    specs: Sequence[SyncSpec | None],
    known: Sequence[Mapping[str, str]],
    shelf: CandidateIndex,
) -> dict[int, tuple[str, str]]:
    """Syncs assumed to belong to a manifest: first those equal in all fields, then those equal in immutable ones.

    Returns:
        By index of the candidate, the server id and a note about the assumption.
    """
    open_ones = [index for index, each in enumerate(candidates) if each.named is None and each.applied is None]
    assumed: dict[int, tuple[str, str]] = {}
    for index in open_ones:
        spec = specs[index]
        whole = shelf.equal(spec, known[index]) if spec else ()
        if whole:
            adopts = candidates[index].spec.adoption_policy is AdoptionPolicy.ADOPT_OR_CREATE
            words = _ASSUMED.format(
                id=whole[0].id, what="all values of the manifest", otherwise=_ADOPTED if adopts else _CREATED
            )
            assumed[index] = whole[0].id, words
            shelf.take(whole[0])
    for index in open_ones:
        spec = specs[index]
        alike = shelf.alike(spec) if spec and index not in assumed else ()
        if len(alike) == 1:
            assumed[index] = alike[0].id, _ASSUMED.format(id=alike[0].id, what=_SHARED_REFERENCES, otherwise=_CREATED)
            shelf.take(alike[0])
    return assumed


def _rivals(each: Candidate, others: Sequence[Candidate], now: datetime) -> tuple[Claim, ...]:
    """Claims of the other Syncs of the input that name the same server sync."""
    return tuple(
        Claim("/".join(other.home), other.status.id is not None, now, "") for other in others if other is not each
    )


def _owner(each: Candidate, owners: Mapping[str, Home], now: datetime) -> tuple[Claim, ...]:
    """The claim of the Sync of the cluster that has the server sync which this one asks for."""
    owner = owners.get(each.spec.external_id or "") if each.status.id is None else None
    return (Claim("/".join(owner), True, now, ""),) if owner is not None else ()
