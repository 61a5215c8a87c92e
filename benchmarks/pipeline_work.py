"""What must be done for a pipeline, as plain requests: the bodies that the floor sends for Connectors and Models.

To the field they are as the operator's, as a test says: to write a smaller object would be less work.
"""

import copy
from collections.abc import Mapping
from typing import Any, Final

from benchmarks.work import ACCOUNT, NAMESPACE, SERVER, UID, conditions, timestamp
from sync_operator.api.constants import API_VERSION, FIELD_MANAGER

__all__ = [
    "CONNECTORS",
    "EVENTS",
    "MODELS",
    "SECRETS",
    "connector_body",
    "connector_status",
    "event",
    "model_body",
    "model_status",
]

CONNECTORS: Final = f"/apis/{API_VERSION}/namespaces/{NAMESPACE}/connectors"
MODELS: Final = f"/apis/{API_VERSION}/namespaces/{NAMESPACE}/models"
SECRETS: Final = f"/api/v1/namespaces/{NAMESPACE}/secrets"
EVENTS: Final = f"/api/v1/namespaces/{NAMESPACE}/events"


def connector_body(connector: Mapping[str, Any], secret: str) -> dict[str, Any]:
    """What is sent for a Connector whose configuration has one value from a Secret."""
    spec = connector["spec"]
    configuration = copy.deepcopy(spec["configuration"])
    [entry] = spec["configurationSecrets"]
    *path, last = entry["pointer"].split("/")[1:]
    place = configuration
    for name in path:
        place = place[name]
    place[last] = secret
    return {
        "connector": {
            "name": connector["metadata"]["name"],
            "connector_type": spec["connectorType"],
            "connector_name": spec["connectorName"],
            "description": _description(connector),
            "configuration": configuration,
        }
    }


def model_body(model: Mapping[str, Any], connector_id: str) -> dict[str, Any]:
    """What is sent for a Model."""
    spec = model["spec"]
    return {
        "model": {
            "name": model["metadata"]["name"],
            "description": _description(model),
            "connector_id": int(connector_id),
            "query_type": "raw_sql",
            "query": spec["query"],
            "primary_key": spec["primaryKey"],
        }
    }


def _description(resource: Mapping[str, Any]) -> str:
    return f"Managed by sync-operator: {resource['metadata']['uid']} of cluster {UID}"


def connector_status(connector: Mapping[str, Any], made: Mapping[str, Any], streams: list[str]) -> dict[str, Any]:
    """The status of a Connector that is Ready, and of a destination whose catalog has these streams."""
    spec, is_source = connector["spec"], connector["spec"]["connectorType"] == "source"
    catalog = {} if is_source else {"streams": streams, "streamCount": len(streams)}
    more = () if is_source else (("Discovered", "Reconciled", f"its catalog has {len(streams)} streams"),)
    found = {
        "definition": spec["connectorName"],
        "secretsDigest": "0" * 32,
        "serverUpdatedAt": made["attributes"]["updated_at"],
        "usedBy": {"syncs": 1, "models": int(is_source)},
        **catalog,
    }
    return {"status": _registered("connector", connector, made, *more) | found}


def model_status(model: Mapping[str, Any], made: Mapping[str, Any], connector_id: str) -> dict[str, Any]:
    """The status of a Model that is Ready."""
    found = {"connectorId": int(connector_id), "usedBy": {"syncs": 1}}
    return {"status": _registered("model", model, made) | found}


def _registered(
    noun: str, resource: Mapping[str, Any], made: Mapping[str, Any], *more: tuple[str, str, str]
) -> dict[str, Any]:
    """What the status of both has."""
    generation, words = resource["metadata"]["generation"], f"registered as {noun} {made['id']} in workspace 1"
    said = (("Ready", "Registered", words), ("Registered", "Registered", words), *more)
    return {
        "observedGeneration": generation,
        "id": str(made["id"]),
        "workspaceId": "1",
        "url": SERVER,
        "registeredAt": made["attributes"]["created_at"],
        "account": ACCOUNT,
        "origin": "Created",
        "message": words,
        "conditions": conditions(generation, *said),
    }


def event(resource: Mapping[str, Any], kind: str, reason: str, message: str) -> dict[str, Any]:
    """What is told of a resource."""
    metadata = resource["metadata"]
    named = {name: metadata[name] for name in ("namespace", "name", "uid", "resourceVersion")}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{metadata['name']}.", "namespace": metadata["namespace"]},
        "involvedObject": {"apiVersion": API_VERSION, "kind": kind, **named},
        "reason": reason,
        "message": message,
        "type": "Normal",
        "source": {"component": FIELD_MANAGER},
        "reportingComponent": FIELD_MANAGER,
        "reportingInstance": FIELD_MANAGER,
        "firstTimestamp": timestamp(),
        "lastTimestamp": timestamp(),
        "count": 1,
    }
