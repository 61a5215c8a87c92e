"""Matches Syncs with the server's syncs, and plans what applying all of them would do. Pure.

A manifest with a ``status`` (its own, or that of the live object) or with ``spec.externalId`` names its sync. Any other
manifest may have been applied already or not; only the server's syncs can show it. So a sync that matches is assumed to
belong to it, and the plan says so.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from sync_operator.api.enums import AdoptionPolicy
from sync_operator.api.kinds.sync import SyncSpec
from sync_operator.api.statuses.status import SyncStatus
from sync_operator.commands.plan.dry_run import PlanAction, PlannedChange, dry_run
from sync_operator.commands.plan.plan_input import Candidate
from sync_operator.commands.plan.planned_kinds.candidate_index import CandidateIndex
from sync_operator.commands.plan.planned_kinds.planned_sync import PLANNED_SYNC, snapshot_of
from sync_operator.commands.server_access import WorkspaceContent
from sync_operator.commands.targets import Home, Secrets
from sync_operator.domain.create_fence.matching import Claim
from sync_operator.domain.reference_view import ReferenceView
from sync_operator.domain.snapshot import Snapshot
from sync_operator.domain.sync.name_resolution import Names
from sync_operator.domain.sync.references import found_by_name, named_roles
from sync_operator.domain.workspace_view import WorkspaceView
from sync_operator.errors import InvalidSpecError
from sync_operator.syncapi.types import RefKind, RemoteSync

__all__ = ["References", "plan_syncs"]

_SHARED_REFERENCES = "the same source, destination, model and stream"
_ASSUMED = (
    "assumed: sync {id} has {what}, so the plan takes it for this Sync's own; if this Sync was never applied, "
    "{otherwise}. Set spec.externalId, or pass --live, to be sure"
)
_CREATED = "a second sync is created beside it"
_ADOPTED = "it is adopted"
_SIMILAR_NOTE = f"sync {{ids}} on the server has {_SHARED_REFERENCES}; to take it over, set spec.externalId to its id"
_UNREAD = "values from Secrets that are not in the input are assumed to be as they are on the server"

type References = Mapping[RefKind, ReferenceView]
"""The Connectors and Models that a Sync names by their resource."""


def plan_syncs(
    found: WorkspaceContent,
    candidates: Sequence[Candidate],
    references: Sequence[References],
    secrets: Secrets,
    owners: Mapping[str, Home],
    workspace: WorkspaceView,
    now: datetime,
) -> list[PlannedChange]:
    """What applying the Syncs of one server workspace would do, in the order of the Syncs.

    Args:
        found: what the server has.
        candidates: the Syncs to be applied.
        references: what each of them refers to.
        secrets: the Secrets of the input.
        owners: the Syncs of the cluster that are not applied, by the id of the server sync that belongs to each.
        workspace: the Workspace that they name, as the controller sees it.
        now: the current time (aware).
    """
    known = [secrets.configuration(each.home[0], each.spec.configuration_secrets) for each in candidates]
    specs = [_by_ids(each.spec, refs, found.names) for each, refs in zip(candidates, references, strict=True)]
    named = defaultdict[str | None, list[Candidate]](list)
    for each in candidates:
        named[each.named].append(each)
    taken = frozenset(owners) | {sync_id for sync_id in named if sync_id}
    shelf = CandidateIndex(found, taken)
    assumed = _assumed(candidates, specs, known, shelf)
    plans = []
    for index, each in enumerate(candidates):
        status, note = each.status, ""
        if index in assumed:
            sync_id, note = assumed[index]
            status = SyncStatus(id=sync_id, url=workspace.url, workspace_id=workspace.workspace_id)
        rivals = (*_rivals(each, named[each.named], now), *_owner(each, owners, now)) if each.named else ()
        snapshot = snapshot_of(each.spec, each.home, status, workspace, now)
        snapshot = replace(snapshot, competing_claims=rivals, claimed=taken, names=found.names, unlisted=found.unlisted)
        snapshot = replace(_as_registered(each, snapshot, found), references=references[index])
        spec = specs[index] if each.named is None and index not in assumed else None
        equal = shelf.equal(spec, known[index]) if spec is not None else ()
        planned_change = dry_run(PLANNED_SYNC, snapshot, known[index], found.syncs, partial(_found, equal))
        if planned_change.action is PlanAction.ADOPT and equal:
            shelf.take(equal[0])
        spec = specs[index] if planned_change.action is PlanAction.CREATE and not each.is_known else None
        alike = shelf.alike(spec) if spec else ()
        more = (_SIMILAR_NOTE.format(ids=" or ".join(remote.id for remote in alike[:3])),) if alike else ()
        compared = planned_change.action not in {PlanAction.CREATE, PlanAction.RECREATE, PlanAction.BLOCKED}
        unread = (_UNREAD,) if compared and len(known[index]) < len(each.spec.configuration_secrets) else ()
        notes = (*((note,) if note else ()), *planned_change.notes, *more, *unread)
        plans.append(replace(planned_change, notes=notes))
    return plans


def _found(equal: tuple[RemoteSync, ...], _: Snapshot) -> tuple[RemoteSync, ...]:
    return equal


def _as_registered(each: Candidate, snapshot: Snapshot, found: WorkspaceContent) -> Snapshot:
    """With what the status says of a Sync whose spec stays as it is."""
    generation = each.metadata.get("generation")
    if each.is_changed or not isinstance(generation, int) or each.status.id is None:
        return snapshot
    sync = replace(snapshot.sync, generation=generation)
    in_sync, registered = sync.registration_state()
    seen = found.syncs.get(each.status.id)
    snapshot = replace(snapshot, sync=sync, last_listed=seen, missing_from_lists=seen is None)
    return replace(snapshot, was_in_sync=in_sync, registered=registered)


def _by_ids(spec: SyncSpec, references: References, names: Names) -> SyncSpec | None:
    """The spec with names replaced by ids; None if a name is not found, which the plan reports."""
    changes: dict[str, object] = {}
    for role, view in references.items():
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
    open_ones = [index for index, each in enumerate(candidates) if each.named is None and not each.is_known]
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
