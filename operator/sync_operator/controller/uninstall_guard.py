"""`python -m sync_operator.controller.uninstall_guard`: fails while Syncs exist, so that their CRD is not deleted.

The chart runs it as a hook before an uninstall that does not keep the CRDs. Deleting the CRD deletes every Sync, and
without the controller nothing removes their finalizers or deletes the syncs on their servers. If its service account
may not list Syncs of all namespaces, it lists those of the namespaces that the environment names.
"""

import asyncio
import sys
from collections.abc import Sequence
from typing import Final

from sync_operator.errors import KubernetesError
from sync_operator.kubernetes.auth.cluster_auth import open_session
from sync_operator.kubernetes.kube_client import KubeClient
from sync_operator.kubernetes.resources import SYNCS
from sync_operator.settings import watch_namespaces

__all__ = ["main", "reason_to_refuse"]

_NAMED: Final = 20
"""Maximum number of Syncs named in the message."""
_FORBIDDEN: Final = 403
_NO_SUCH_KIND: Final = 404


def reason_to_refuse(syncs: Sequence[str]) -> str:
    """Why the release cannot be uninstalled while these Syncs (``namespace/name``) exist; empty if there are none."""
    if not syncs:
        return ""
    more = f", and {len(syncs) - _NAMED} more" if len(syncs) > _NAMED else ""
    return (
        f"not uninstalled, because crds.keep is false and it would take {len(syncs)} Syncs along, and leave them on"
        f" their servers: {', '.join(sorted(syncs)[:_NAMED])}{more}. Delete them first, while the controller runs:"
        f" kubectl delete syncs --all --all-namespaces. Or keep them: helm upgrade --reuse-values --set crds.keep=true"
    )


async def _syncs() -> list[str]:
    session = open_session()
    async with session.http:
        kube = KubeClient(session)
        try:
            found = await kube.list(SYNCS, None)
        except KubernetesError as error:
            namespaces = watch_namespaces() if error.status == _FORBIDDEN else ()
            if error.status == _NO_SUCH_KIND:
                return []
            if not namespaces:
                raise
            found = [sync for namespace in namespaces for sync in await kube.list(SYNCS, namespace)]
    return [f"{sync['metadata']['namespace']}/{sync['metadata']['name']}" for sync in found]


def main() -> int:
    """Check; return 1 and print the reason if Syncs are left or cannot be listed, else return 0."""
    try:
        reason = reason_to_refuse(asyncio.run(_syncs()))
    except KubernetesError as error:
        reason = f"not uninstalled, because it is not known whether Syncs are left: {error}"
    if reason:
        sys.stdout.write(f"{reason}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
