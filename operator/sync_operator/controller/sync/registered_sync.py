"""How the controller reaches Syncs, as a kind that is registered: in the cluster and on the sync server."""

from typing import Final

from sync_operator.controller.registration.registered_kind import RegisteredKind
from sync_operator.domain.sync.sync_kind import SYNC
from sync_operator.kubernetes.converters import sync_view
from sync_operator.kubernetes.resources import SYNCS
from sync_operator.syncapi.client import ApiClient
from sync_operator.syncapi.types import RemoteSync

__all__ = ["REGISTERED_SYNC"]


async def _has_run(client: ApiClient, sync_id: str) -> bool:
    return bool(await client.list_runs(sync_id, limit=1))


REGISTERED_SYNC: Final = RegisteredKind[RemoteSync](
    kind=SYNC, resource=SYNCS, collection=lambda client: client.syncs, view=sync_view, is_used=_has_run
)
