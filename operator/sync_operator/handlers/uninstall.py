"""`python -m sync_operator.handlers.uninstall`: refuses while there are Syncs, whose CRD is about to be deleted.

The chart runs it before an uninstall that does not keep the CRDs. With the CRD every Sync would go, and nobody would be
left to take its finalizer away or to delete it on its server. Where its account may list the Syncs of some namespaces
only, it looks in those that the environment names.
"""

import asyncio
import sys
from collections.abc import Sequence
from typing import Final

from sync_operator.cluster.kube import SYNCS, Kube
from sync_operator.cluster.login import open_session
from sync_operator.errors import KubernetesError
from sync_operator.settings import watch_namespaces

__all__ = ["main", "refusal"]

_NAMED: Final = 20
"""Syncs that are listed by name: a message is for people."""
_FORBIDDEN: Final = 403
_NO_SUCH_KIND: Final = 404


def refusal(syncs: Sequence[str]) -> str:
    """Why the release cannot be uninstalled while these Syncs (``namespace/name``) are there; empty without any."""
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
        kube = Kube(session)
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
    """Look; 1 with the reason when Syncs are left, or when nobody can tell."""
    try:
        reason = refusal(asyncio.run(_syncs()))
    except KubernetesError as error:
        reason = f"not uninstalled, because nobody can tell whether Syncs are left: {error}"
    if reason:
        sys.stdout.write(f"{reason}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
