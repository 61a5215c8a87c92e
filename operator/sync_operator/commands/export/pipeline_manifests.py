"""Converts a server's connectors and models to manifests that adopt them, without a secret. Pure.

Each manifest is checked before it is returned: it must be valid, and ask for nothing but what the server has.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from sync_operator.api.constants import API_VERSION, CONNECTOR_KIND, MODEL_KIND
from sync_operator.api.enums import QueryType
from sync_operator.api.kinds.resource_ref import WorkspaceRef
from sync_operator.commands.export.export_manifest import Exported, ResourceNames
from sync_operator.commands.export.secret_extraction import extract_secrets
from sync_operator.commands.export.yaml_writer import dump_yaml
from sync_operator.commands.input_files import Source
from sync_operator.commands.manifests.manifest_set import load_manifests
from sync_operator.commands.validate.checks.metadata_rules import slug
from sync_operator.commands.validate.manifest_set_rules import judge_all
from sync_operator.domain.identity.ownership_mark import unmarked
from sync_operator.domain.workspace_view import WorkspaceView
from sync_operator.syncapi.types import RemoteConnector, RemoteModel, RemoteResource

__all__ = ["export_connector", "export_model", "resource_name"]

_NAME_LIMIT: Final = 200
"""Room for ``-configuration`` in the name of a Secret."""
_CONNECTORS: Final = "connectors"
_MODELS: Final = "models"
_QUERY_TYPES: Final = frozenset(kind.value for kind in QueryType)
_TO_FILL_IN: Final = """\
# Secrets are not exported. Write each value, and remove its '#'; until then the Connector waits, and what refers to it.
# Then its configuration is sent to the server once, with these values: nothing tells what the server has.
apiVersion: v1
kind: Secret
metadata:
  name: {name}
{namespace}stringData:
{keys}---
"""


def resource_name(remote: RemoteResource) -> str:
    """A name from name and id: readable, stable between exports, and unique because of the id."""
    end = f"-{remote.id}"
    name = slug(str(remote.attributes.get("name") or ""), _NAME_LIMIT - len(end))
    return f"{name or 'unnamed'}{end}"


def export_connector(remote: RemoteConnector, view: WorkspaceView, namespace: str | None, now: datetime) -> Exported:
    """The manifest of a connector, after that of a Secret with a place for each value that is secret.

    Args:
        remote: the connector as the server lists it.
        view: the Workspace that the manifest refers to.
        namespace: namespace of the manifest; None for none.
        now: the current time (aware).
    """
    held, name = remote.attributes, resource_name(remote)
    secret = f"{name}-configuration"
    hidden = extract_secrets(held.get("configuration"), secret)
    spec = {
        **_identity(remote, view, name),
        **_given(connectorType=held.get("connector_type"), connectorName=held.get("connector_name")),
        "configuration": hidden.configuration,
    }
    if hidden.keys:
        spec["configurationSecrets"] = [
            {"pointer": pointer, "secretKeyRef": {"name": secret, "key": key}} for key, pointer in hidden.keys.items()
        ]
    text = _secret(secret, hidden.keys, namespace) + _manifest(CONNECTOR_KIND, name, namespace, spec)
    return Exported("connector", remote.id, text, _CONNECTORS, _objection(text, now))


def export_model(
    remote: RemoteModel, view: WorkspaceView, namespace: str | None, names: ResourceNames, now: datetime
) -> Exported:
    """The manifest of a model.

    Args:
        remote: the model as the server lists it.
        view: the Workspace that the manifest refers to.
        namespace: namespace of the manifest; None for none.
        names: of the Connectors beside it.
        now: the current time (aware).
    """
    held, name = remote.attributes, resource_name(remote)
    connector = held.get("connector_id")
    known = names.get((CONNECTOR_KIND, str(connector)))
    source = {"connectorRef": {"name": known}} if known else _given(connectorId=connector)
    spec = {
        **_identity(remote, view, name),
        **source,
        **_given(queryType=held.get("query_type"), query=held.get("query"), primaryKey=held.get("primary_key")),
    }
    text = _manifest(MODEL_KIND, name, namespace, spec)
    kind = held.get("query_type")
    refused = f"its query_type is {kind}, which no sync reads rows by" if kind not in _QUERY_TYPES else ""
    return Exported("model", remote.id, text, _MODELS, refused or _objection(text, now))


def _identity(remote: RemoteResource, view: WorkspaceView, name: str) -> dict[str, Any]:
    """The fields that both kinds have."""
    spec: dict[str, Any] = {"externalId": remote.id}
    if view.name != WorkspaceRef().name:
        spec["workspaceRef"] = {"name": view.name}
    if (server_name := remote.attributes.get("name")) != name:
        spec["name"] = server_name
    return spec | _given(description=unmarked(remote.attributes).get("description") or None)


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _manifest(kind: str, name: str, namespace: str | None, spec: Mapping[str, Any]) -> str:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return dump_yaml({"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": dict(spec)})


def _secret(name: str, keys: Mapping[str, str], namespace: str | None) -> str:
    if not keys:
        return ""
    where = f"  namespace: {namespace}\n" if namespace else ""
    return _TO_FILL_IN.format(name=name, namespace=where, keys="".join(f"#  {key}:\n" for key in keys))


def _objection(text: str, now: datetime) -> str:
    """What is wrong with the manifest; empty if nothing is."""
    return next(_errors(text, now), "")


def _errors(text: str, now: datetime) -> Iterator[str]:
    judged = judge_all(load_manifests([Source("", text)], "default"), now)
    return (problem.message_with_field for problem in judged.problems if problem.severity == "error")
