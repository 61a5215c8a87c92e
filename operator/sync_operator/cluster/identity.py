"""Which cluster this is: the uid of its namespace ``kube-system``, which no other cluster has, nor a restored one."""

import logging
from typing import Final

from sync_operator.cluster.kube import NAMESPACES, Kube
from sync_operator.errors import KubernetesError

__all__ = ["cluster_uid"]

_log = logging.getLogger(__name__)
_NAMESPACE: Final = "kube-system"
_REFUSED: Final = frozenset({401, 403, 404})


async def cluster_uid(kube: Kube, *, everywhere: bool) -> str:
    """The uid; empty where it may not be read, which is said in the log.

    Args:
        kube: the cluster.
        everywhere: False where only named namespaces are served: then nothing outside of them is asked for.

    Raises:
        KubernetesError: the API server gave no answer.
    """
    try:
        namespace = await kube.get(NAMESPACES, None, _NAMESPACE) if everywhere else None
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
