"""The mark of the cluster on a Sync: one that was copied from another cluster must not touch that one's sync. Pure."""

from typing import Final

from sync_operator.decide.picture import Obstacle, Picture
from sync_operator.model.conditions import Reason
from sync_operator.model.names import CLUSTER, TAKE_OVER

__all__ = ["cluster_changed", "cluster_marks", "lacks_cluster_mark"]

_YES: Final = "true"


def cluster_changed(picture: Picture) -> Obstacle | None:
    """The Sync was copied from another cluster, and nobody has said that it is no longer at work there."""
    if not _is_foreign(picture) or picture.sync.annotations.get(TAKE_OVER) == _YES:
        return None
    name, namespace = picture.sync.name, picture.sync.namespace
    return Obstacle(
        Reason.CLUSTER_CHANGED,
        f"metadata.annotations[{CLUSTER}]: this Sync was copied from another cluster, which may still run it; nothing "
        "is written or run from here. If the other cluster is gone for good: kubectl annotate sync "
        f"{name} -n {namespace} {TAKE_OVER}=true. Otherwise delete this copy: the server's sync stays",
        stalled=True,
    )


def lacks_cluster_mark(picture: Picture) -> bool:
    """True for a Sync that is to get the mark of this cluster.

    It was made before there were marks, or it is taken over.
    """
    held = picture.sync.annotations.get(CLUSTER)
    return bool(picture.cluster) and held != picture.cluster and cluster_changed(picture) is None


def cluster_marks(cluster: str) -> dict[str, str | None]:
    """Annotations, as a merge patch, of a Sync that belongs to this cluster; a consent to a take-over is used up."""
    return {CLUSTER: cluster, TAKE_OVER: None} if cluster else {}


def _is_foreign(picture: Picture) -> bool:
    held = picture.sync.annotations.get(CLUSTER)
    return bool(held and picture.cluster) and held != picture.cluster
