"""The source of a Model, once what it was registered as is gone on the server."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sync_operator.api.kinds.model import ModelSpec
from sync_operator.api.kinds.resource_ref import ResourceRef
from sync_operator.api.statuses.status import ModelStatus
from sync_operator.domain.model.model_body import model_body
from sync_operator.domain.model.model_kind import MODEL
from sync_operator.domain.model.model_snapshot import ModelSnapshot, ModelView, connector_id_of
from sync_operator.domain.reference_view import ReferenceView
from sync_operator.domain.workspace_view import WorkspaceView

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def registered(**spec: object) -> ModelSnapshot:
    """A Model that was registered with source 11."""
    wanted = ModelSpec.model_validate({"query": "SELECT 1", "primary_key": "id"} | spec, by_name=True)
    model = ModelView(
        namespace="sales",
        name="customers",
        uid="m",
        generation=1,
        resource_version="1",
        created_at=NOW,
        status=ModelStatus(id="21", connector_id=11),
        spec=wanted,
    )
    return ModelSnapshot(
        now=NOW, kind=MODEL, workspace=WorkspaceView("default"), model=model, connector_id=connector_id_of(model)
    )


def forgotten(snapshot: ModelSnapshot) -> ModelSnapshot:
    status = snapshot.model.status.model_copy(update={"id": None})
    return snapshot.with_resource(replace(snapshot.model, status=status)).forgotten()


def test_one_that_is_gone_is_created_under_the_source_that_its_reference_leads_to_now() -> None:
    view = ReferenceView(kind="Connector", name="warehouse", id=12, ready=True)
    snapshot = replace(registered(connector_ref=ResourceRef(name="warehouse")), reference=view)

    assert snapshot.connector_id == 11
    assert model_body(forgotten(snapshot))["connector_id"] == 12


@pytest.mark.parametrize(("spec", "number"), [({"connector_id": 11}, 11), ({"connector_ref": {"name": "x"}}, None)])
def test_without_another_reference_it_is_what_the_spec_says(spec: dict[str, object], number: int | None) -> None:
    assert forgotten(registered(**spec)).connector_id == number
