"""One kind that is registered on servers, as the controller reaches it: in the cluster and on the sync server.

What is decided about it is `domain.registration.resource_kind`, what the loop does for it `ReconcileSteps`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sync_operator.domain.registration.resource_kind import ResourceKind
from sync_operator.domain.registration.resource_snapshot import ResourceView
from sync_operator.kubernetes.resources import Resource
from sync_operator.syncapi.client import ApiClient
from sync_operator.syncapi.collection import ResourceCollection
from sync_operator.syncapi.types import RemoteResource

__all__ = ["RegisteredKind"]


async def _never(_client: ApiClient, _remote_id: str) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredKind[R: RemoteResource]:
    """How the controller reaches one kind.

    Attributes:
        kind: what the registration engine decides by.
        resource: its collection in the API server.
        collection: of a client, its collection on the sync server.
        view: converts an object as returned by the API server; an invalid spec is in ``spec_error``.
        is_used: True if the server shows that a remote resource, by its id, has been used, so that it is
            no leftover of a lost create.
    """

    kind: ResourceKind[Any]
    resource: Resource
    collection: Callable[[ApiClient], ResourceCollection[R]]
    view: Callable[[Mapping[str, Any]], ResourceView]
    is_used: Callable[[ApiClient, str], Awaitable[bool]] = _never
