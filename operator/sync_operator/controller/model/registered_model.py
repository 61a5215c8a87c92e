"""How the controller reaches Models, as a kind that is registered: in the cluster and on the sync server."""

from typing import Final

from sync_operator.controller.registration.registered_kind import RegisteredKind
from sync_operator.domain.model.model_kind import MODEL
from sync_operator.kubernetes.converters import model_view
from sync_operator.kubernetes.resources import MODELS
from sync_operator.syncapi.types import RemoteModel

__all__ = ["REGISTERED_MODEL"]

REGISTERED_MODEL: Final = RegisteredKind[RemoteModel](
    kind=MODEL, resource=MODELS, collection=lambda client: client.models, view=model_view
)
