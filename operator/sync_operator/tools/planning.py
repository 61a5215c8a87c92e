"""Which server sync belongs to which manifest, and what applying all of them would do. Pure.

A manifest with a ``status`` (its own, or that of the live object) or with ``spec.externalId`` names its sync. Any other
may be applied already or not: what the server holds is all there is to go by, so a sync that fits is taken to be its
own, and the plan says that this was taken for granted.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sync_operator.decide.match import Claim
from sync_operator.decide.names import Names
from sync_operator.decide.picture import WorkspaceView
from sync_operator.decide.refs import found_by_name, named_roles
from sync_operator.errors import InvalidSpecError
from sync_operator.model.status import SyncStatus
from sync_operator.model.sync import SyncSpec
from sync_operator.tools.check import Checked
from sync_operator.tools.foresee import Deed, Foresight, foresee, picture_of
from sync_operator.tools.server import Workspace
from sync_operator.tools.shelf import Shelf
from sync_operator.tools.targets import Home, Secrets, Target

__all__ = ["Applied", "Candidate", "plan_workspace"]

_ALIKE_IN = "the same source, destination, model and stream"
_ASSUMED = (
    "taken for granted: sync {id} holds {what}, so it is taken to be this Sync's; where this Sync was never applied, "
    "another one is made beside it. Set spec.externalId, or pass --live, to be sure"
)
_ALIKE = f"sync {{ids}} of the server has {_ALIKE_IN}; when it is meant, set spec.externalId to its id"
_UNREAD = "values from Secrets that are not in the input are taken to be as they are on the server"


@dataclass(frozen=True, slots=True)
class Applied:
    """What the cluster is known to hold of a Sync: its status, or None where it is not there."""

    status: SyncStatus | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A Sync to be applied.

    Attributes:
        checked: the manifest.
        spec: of the manifest.
        applied: what the cluster holds; None where nobody told.
    """

    checked: Checked[SyncSpec]
    spec: SyncSpec
    applied: Applied | None

    @property
    def home(self) -> Home:
        """Namespace and name."""
        return self.checked.manifest.namespace, self.checked.manifest.name

    @property
    def status(self) -> SyncStatus:
        """As far as it is known."""
        return (self.applied and self.applied.status) or SyncStatus()

    @property
    def named(self) -> str | None:
        """The server sync that it names by itself."""
        return self.status.id or self.spec.external_id


def plan_workspace(
    target: Target,
    found: Workspace,
    candidates: Sequence[Candidate],
    secrets: Secrets,
    claimed: frozenset[str],
    now: datetime,
) -> list[Foresight]:
    """What applying Syncs of one server workspace would do, in their order.

    Args:
        target: the server.
        found: what it holds.
        candidates: the Syncs.
        secrets: those of the input.
        claimed: ids that belong to Syncs of the cluster, also to such as are not to be applied.
        now: aware.
    """
    known = [secrets.configuration(each.home[0], each.spec.configuration_secrets) for each in candidates]
    specs = [_by_ids(each.spec, found.names) for each in candidates]
    named = defaultdict[str | None, list[Candidate]](list)
    for each in candidates:
        named[each.named].append(each)
    taken = claimed | {sync_id for sync_id in named if sync_id}
    shelf = Shelf(found, taken)
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
        rivals = _rivals(each, named[each.named], now) if each.named else ()
        picture = picture_of(each.spec, each.home, status, view, now)
        picture = replace(picture, rivals=rivals, claimed=taken, names=found.names, unlisted=found.unlisted)
        foresight = foresee(picture, known[index], found.syncs)
        spec = specs[index] if foresight.deed is Deed.CREATE and each.applied is None else None
        alike = shelf.alike(spec) if spec else ()
        more = (_ALIKE.format(ids=" or ".join(remote.id for remote in alike[:3])),) if alike else ()
        compared = foresight.deed not in {Deed.CREATE, Deed.RECREATE, Deed.BLOCKED}
        unread = (_UNREAD,) if compared and len(known[index]) < len(each.spec.configuration_secrets) else ()
        notes = (*((note,) if note else ()), *foresight.notes, *more, *unread)
        plans.append(replace(foresight, notes=notes))
    return plans


def _by_ids(spec: SyncSpec, names: Names) -> SyncSpec | None:
    """The spec with ids in the place of names; None where a name leads nowhere, as the plan will tell."""
    changes: dict[str, object] = {}
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
    shelf: Shelf,
) -> dict[int, tuple[str, str]]:
    """Syncs that are taken to be a manifest's own: first those equal in all, then those alike in what is fixed."""
    open_ones = [index for index, each in enumerate(candidates) if each.named is None and each.applied is None]
    assumed: dict[int, tuple[str, str]] = {}
    for index in open_ones:
        spec = specs[index]
        whole = shelf.equal(spec, known[index]) if spec else ()
        if whole:
            assumed[index] = whole[0].id, _ASSUMED.format(id=whole[0].id, what="all that is written here")
            shelf.take(whole[0])
    for index in open_ones:
        spec = specs[index]
        alike = shelf.alike(spec) if spec and index not in assumed else ()
        if len(alike) == 1:
            assumed[index] = alike[0].id, _ASSUMED.format(id=alike[0].id, what=_ALIKE_IN)
            shelf.take(alike[0])
    return assumed


def _rivals(each: Candidate, others: Sequence[Candidate], now: datetime) -> tuple[Claim, ...]:
    """Other Syncs of the input that name the same server sync."""
    return tuple(
        Claim("/".join(other.home), other.status.id is not None, now, "") for other in others if other is not each
    )
