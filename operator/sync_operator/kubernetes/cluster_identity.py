"""The identity of the cluster: the uid of namespace ``kube-system``, which differs even in a restored cluster."""

import logging
from typing import Final

from sync_operator.errors import KubernetesError
from sync_operator.kubernetes.kube_client import KubeClient
from sync_operator.kubernetes.resources import NAMESPACES

__all__ = ["cluster_uid"]

_log = logging.getLogger(__name__)
_NAMESPACE: Final = "kube-system"
_REFUSED: Final = frozenset({401, 403, 404})


async def cluster_uid(kube: KubeClient, *, clusterwide: bool) -> str:
    """Read the cluster's uid; empty, with a warning in the log, if it may not be read.

    Args:
        kube: client of the cluster.
        clusterwide: False if only named namespaces are served: then nothing outside of them is read.

    Raises:
        KubernetesError: the API server did not respond.
    """
    try:
        namespace = await kube.get(NAMESPACES, None, _NAMESPACE) if clusterwide else None
    except KubernetesError as error:
        if error.status not in _REFUSED:
            raise
        namespace = None
    uid = str(namespace["metadata"]["uid"]) if namespace is not None else ""
    if not uid:
        _log.warning(
            "namespace %s may not be read, so Syncs get no mark of this cluster: copies of them that are restored into "
            "another cluster are not recognized there",
            _NAMESPACE,
        )
    return uid
