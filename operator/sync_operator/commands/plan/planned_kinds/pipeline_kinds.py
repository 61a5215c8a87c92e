"""How Connectors and Models are planned: their snapshots, and what of their bodies the input has."""

from collections.abc import Callable, Mapping
from typing import Any

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND
from sync_operator.commands.plan.plan_input import Candidate
from sync_operator.commands.plan.planned_kinds.pipeline_planner import PipelineKind
from sync_operator.commands.plan.planned_kinds.planned_connector import PLANNED_CONNECTOR
from sync_operator.commands.plan.planned_kinds.planned_model import PLANNED_MODEL
from sync_operator.commands.plan.planned_references import PlannedReferences
from sync_operator.commands.server_access import WorkspaceContent
from sync_operator.commands.targets import Secrets
from sync_operator.domain.connector.connector_kind import CONNECTOR
from sync_operator.domain.connector.connector_snapshot import ConnectorSnapshot, ConnectorView
from sync_operator.domain.model.model_body import texts_of
from sync_operator.domain.model.model_kind import MODEL
from sync_operator.domain.model.model_snapshot import ModelSnapshot, ModelView, connector_id_of
from sync_operator.domain.sync.sync_kind import SYNC
from sync_operator.domain.usage import Usage
from sync_operator.syncapi.types import RefKind

__all__ = ["connectors_of", "models_of"]


def connectors_of(found: WorkspaceContent, secrets: Secrets) -> PipelineKind[ConnectorSnapshot]:
    """How the Connectors of one server workspace are planned.

    Args:
        found: what the server has, and its definitions.
        secrets: the Secrets of the input.
    """

    def snapshot(each: Candidate, view: dict[str, Any], registration: dict[str, Any]) -> ConnectorSnapshot:
        return ConnectorSnapshot(
            **registration,
            connector=ConnectorView(**view),
            definitions=found.definitions,
            definitions_read=True,
            digest_known=view["status"].id == each.status.id,
        )

    return PipelineKind(
        kind=CONNECTOR,
        planned=PLANNED_CONNECTOR,
        snapshot=snapshot,
        known=lambda each: secrets.configuration(each.home[0], each.spec.configuration_secrets),
        alike="the same name, type and definition",
        otherwise="it is refused, because the server has the name already",
    )


def models_of(
    found: WorkspaceContent,
    references: PlannedReferences,
    config_maps: Mapping[tuple[str, str], Mapping[str, Any]],
    is_used: Callable[[Candidate], bool],
) -> PipelineKind[ModelSnapshot]:
    """How the Models of one server workspace are planned.

    Args:
        found: what the server has.
        references: the Connectors, as planned.
        config_maps: ``data`` of the ConfigMaps of the input, by namespace and name.
        is_used: of a Model, True if a Sync of the cluster uses it.
    """
    users = found.users()

    def snapshot(each: Candidate, view: dict[str, Any], registration: dict[str, Any]) -> ModelSnapshot:
        model, ref = ModelView(**view), each.spec.connector_ref
        named = references.view(CONNECTOR_KIND, each.home[0], ref.name) if ref is not None and ref.name else None
        syncs = users.get((MODEL_KIND, model.status.id or ""), ())
        return ModelSnapshot(
            **registration,
            model=model,
            usage=Usage(remotes=tuple(f"{SYNC.noun} {number}" for _, number in syncs)),
            is_used=is_used(each),
            connector_id=connector_id_of(model),
            reference=named,
            sources=found.names.get(RefKind.SOURCE),
            definitions=found.definitions,
            definitions_read=True,
        ).with_source()

    def known(each: Candidate) -> dict[str, str]:
        values = {}
        for text in texts_of(each.spec):
            value = config_maps.get((each.home[0], text.name), {}).get(text.key)
            if isinstance(value, str):
                values[text.pointer] = value
        return values

    return PipelineKind(
        kind=MODEL,
        planned=PLANNED_MODEL,
        snapshot=snapshot,
        known=known,
        alike="the same name and source",
        otherwise="a second model is created beside it",
    )
