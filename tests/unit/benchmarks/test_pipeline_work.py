"""What the floor sends for Connectors and Models is what the operator sends."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from benchmarks import pipeline_work, work
from benchmarks.crowd import Ref
from benchmarks.pipelines import load_of_pipelines
from tests.support.pipeline import PASSWORD
from tests.support.snapshots import connected

from sync_operator.api.constants import CONNECTOR_FINALIZER, CONNECTOR_KIND
from sync_operator.api.statuses.conditions import Reason
from sync_operator.api.statuses.status import ConnectorUse, ModelUse
from sync_operator.api.statuses.status_fields import to_dict
from sync_operator.domain.connector.connector_body import connector_body
from sync_operator.domain.connector.connector_kind import CONNECTOR
from sync_operator.domain.connector.connector_snapshot import ConnectorSnapshot
from sync_operator.domain.connector.connector_status import connector_status
from sync_operator.domain.model.model_body import model_body
from sync_operator.domain.model.model_kind import MODEL
from sync_operator.domain.model.model_snapshot import ModelSnapshot
from sync_operator.domain.model.model_status import model_status
from sync_operator.domain.status.event_specs import EventSpec
from sync_operator.kubernetes.converters import connector_view, model_view
from sync_operator.kubernetes.event_recorder import _event
from sync_operator.syncapi.types import Catalog, RemoteConnector, RemoteModel

NOW: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)
ID: Final = "7"
AT: Final = datetime(2026, 1, 31, 12, 0, 0, 123_000, tzinfo=UTC)
_TIME: Final = "2026-01-31T12:00:00.123Z"
MADE: Final = {"id": ID, "attributes": {"created_at": _TIME, "updated_at": _TIME}}
LOAD: Final = load_of_pipelines(1)
WAREHOUSE, CRM, CUSTOMERS, _ = LOAD.refs


def an_object(ref: Ref) -> dict[str, Any]:
    """As the API server returns it, with the defaults of its kind."""
    assert LOAD.manifest_of is not None
    metadata = {
        "name": ref.name,
        "namespace": ref.namespace,
        "uid": f"uid-{ref.name}",
        "generation": 1,
        "resourceVersion": "5",
        "creationTimestamp": work.timestamp(),
        "finalizers": [CONNECTOR_FINALIZER],
    }
    return {**LOAD.manifest_of(ref), "metadata": metadata}


def connector(ref: Ref, streams: tuple[str, ...] = ()) -> ConnectorSnapshot:
    """A Connector that has just been created on the server."""
    obj = an_object(ref)
    [entry] = obj["spec"]["configurationSecrets"]
    snapshot = ConnectorSnapshot(
        now=NOW,
        kind=CONNECTOR,
        cluster=work.UID,
        workspace=connected(url=work.SERVER, account=work.ACCOUNT),
        connector=connector_view(obj),
        secrets={entry["pointer"]: PASSWORD},
        used_by=ConnectorUse(syncs=1, models=int(not streams)),
        catalog=Catalog(streams, len(streams)) if streams else None,
        was_read=True,
        created=True,
    )
    return replace(snapshot, remote=RemoteConnector(ID, connector_body(snapshot), created_at=AT, updated_at=AT))


def model() -> ModelSnapshot:
    """A Model that has just been created on the server."""
    snapshot = ModelSnapshot(
        now=NOW,
        kind=MODEL,
        cluster=work.UID,
        workspace=connected(url=work.SERVER, account=work.ACCOUNT),
        model=model_view(an_object(CUSTOMERS)),
        connector_id=int(ID),
        used_by=ModelUse(syncs=1),
        was_read=True,
        created=True,
    )
    return replace(snapshot, remote=RemoteModel(ID, model_body(snapshot), created_at=AT, updated_at=AT))


def timeless(status: dict[str, Any]) -> dict[str, Any]:
    """A status without the times at which its conditions changed, and with the length of the digest alone."""
    conditions = [{**entry, "lastTransitionTime": ""} for entry in status["conditions"]]
    digest = {"secretsDigest": len(status["secretsDigest"])} if "secretsDigest" in status else {}
    return {**status, **digest, "conditions": conditions}


def test_the_bodies_are_the_operators() -> None:
    for ref in (WAREHOUSE, CRM):
        theirs = pipeline_work.connector_body(an_object(ref), PASSWORD)
        assert theirs == {"connector": connector_body(connector(ref))}
    assert pipeline_work.model_body(an_object(CUSTOMERS), ID) == {"model": model_body(model())}


@pytest.mark.parametrize(("ref", "streams"), [(WAREHOUSE, ()), (CRM, ("contacts", "deals"))])
def test_the_status_of_a_connector_is_the_operators(ref: Ref, streams: tuple[str, ...]) -> None:
    ours = to_dict(connector_status(connector(ref, streams)))

    assert timeless(pipeline_work.connector_status(an_object(ref), MADE, list(streams))["status"]) == timeless(ours)


def test_the_status_of_a_model_is_the_operators() -> None:
    ours = to_dict(model_status(model()))

    assert timeless(pipeline_work.model_status(an_object(CUSTOMERS), MADE, ID)["status"]) == timeless(ours)


def test_an_event_has_the_fields_of_the_operators() -> None:
    obj, notice = an_object(CRM), EventSpec(Reason.REGISTERED, "registered")

    assert (
        pipeline_work.event(obj, CONNECTOR_KIND, "Registered", "registered").keys() == _event(obj, notice, NOW).keys()
    )
