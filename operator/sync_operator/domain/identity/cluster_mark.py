"""The annotation with the cluster's uid: a copy in another cluster must not touch what is the original's. Pure."""

from typing import Final

from sync_operator.api.constants import CLUSTER_ANNOTATION, TAKE_OVER_ANNOTATION
from sync_operator.api.statuses.conditions import Reason
from sync_operator.domain.blocker import Blocker
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot

__all__ = ["cluster_changed", "cluster_marks", "lacks_cluster_mark"]

_YES: Final = "true"


def cluster_changed(snapshot: ResourceSnapshot) -> Blocker | None:
    """The blocker of a resource that was copied from another cluster, unless the user has confirmed the take-over."""
    if not _is_foreign(snapshot) or snapshot.resource.annotations.get(TAKE_OVER_ANNOTATION) == _YES:
        return None
    kind, name, namespace = snapshot.kind, snapshot.resource.name, snapshot.resource.namespace
    return Blocker(
        Reason.CLUSTER_CHANGED,
        f"metadata.annotations[{CLUSTER_ANNOTATION}]: this {kind.kind} was copied from another cluster, which may "
        "still run it; nothing is written or run from here. If the other cluster is gone for good: kubectl annotate "
        f"{kind.noun} {name} -n {namespace} {TAKE_OVER_ANNOTATION}=true. Otherwise delete this copy: the server's "
        f"{kind.noun} stays",
        stalled=True,
    )


def lacks_cluster_mark(snapshot: ResourceSnapshot) -> bool:
    """True if this cluster's uid is to be written on the resource.

    It was created by a release without this annotation, or its take-over was confirmed.
    """
    held = snapshot.resource.annotations.get(CLUSTER_ANNOTATION)
    return bool(snapshot.cluster) and held != snapshot.cluster and cluster_changed(snapshot) is None


def cluster_marks(cluster: str) -> dict[str, str | None]:
    """Annotations, as a merge patch, of a resource of this cluster; removes the confirmation of a take-over."""
    return {CLUSTER_ANNOTATION: cluster, TAKE_OVER_ANNOTATION: None} if cluster else {}


def _is_foreign(snapshot: ResourceSnapshot) -> bool:
    held = snapshot.resource.annotations.get(CLUSTER_ANNOTATION)
    return bool(held and snapshot.cluster) and held != snapshot.cluster
