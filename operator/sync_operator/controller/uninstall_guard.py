"""`python -m sync_operator.controller.uninstall_guard`: fails while anything is registered, so that no CRD is deleted.

The chart runs it as a hook before an uninstall that does not keep the CRDs. Deleting a CRD deletes every resource of
the kind, and without the controller nothing removes their finalizers or deletes what they stand for on the servers. If
its service account may not list them in all namespaces, it lists those of the namespaces that the environment names.
"""

import asyncio
import sys
from collections.abc import Sequence
from typing import Any, Final

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND, SYNC_KIND
from sync_operator.errors import KubernetesError
from sync_operator.kubernetes.auth.cluster_auth import open_session
from sync_operator.kubernetes.kube_client import KubeClient
from sync_operator.kubernetes.resources import CONNECTORS, MODELS, SYNCS, Resource
from sync_operator.settings import watch_namespaces

__all__ = ["main", "reason_to_refuse"]

_NAMED: Final = 20
"""Maximum number of resources named in the message."""
_KINDS: Final = {CONNECTOR_KIND: CONNECTORS, MODEL_KIND: MODELS, SYNC_KIND: SYNCS}
_FORBIDDEN: Final = 403
_NO_SUCH_KIND: Final = 404


def reason_to_refuse(found: Sequence[str]) -> str:
    """Why the release cannot be uninstalled while these exist (``Kind namespace/name``); empty if there are none."""
    if not found:
        return ""
    more = f", and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return (
        f"not uninstalled, because crds.keep is false and it would take {len(found)} resources along, and leave what "
        f"they stand for on their servers: {', '.join(sorted(found)[:_NAMED])}{more}. Delete them first, while the "
        "controller runs: kubectl delete syncs,models,connectors --all --all-namespaces. Or keep them: helm upgrade "
        "--reuse-values --set crds.keep=true"
    )


async def _registered() -> list[str]:
    session = open_session()
    async with session.http:
        kube = KubeClient(session)
        return [
            f"{kind} {obj['metadata']['namespace']}/{obj['metadata']['name']}"
            for kind, resource in _KINDS.items()
            for obj in await _listed(kube, resource)
        ]


async def _listed(kube: KubeClient, resource: Resource) -> list[dict[str, Any]]:
    try:
        return await kube.list(resource, None)
    except KubernetesError as error:
        namespaces = watch_namespaces() if error.status == _FORBIDDEN else ()
        if error.status == _NO_SUCH_KIND:
            return []
        if not namespaces:
            raise
        return [obj for namespace in namespaces for obj in await kube.list(resource, namespace)]


def main() -> int:
    """Check; return 1 and print the reason if any are left or cannot be listed, else return 0."""
    try:
        reason = reason_to_refuse(asyncio.run(_registered()))
    except KubernetesError as error:
        reason = f"not uninstalled, because it is not known whether Syncs, Models or Connectors are left: {error}"
    if reason:
        sys.stdout.write(f"{reason}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
