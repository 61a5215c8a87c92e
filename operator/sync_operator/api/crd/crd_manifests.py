"""The CustomResourceDefinitions, made from the models: schema, rules, columns."""

from typing import Any, Final

from sync_operator.api.base import Model
from sync_operator.api.constants import (
    CONNECTOR_KIND,
    CONNECTOR_PLURAL,
    GROUP,
    MODEL_KIND,
    MODEL_PLURAL,
    SYNC_KIND,
    SYNC_PLURAL,
    VERSION,
    WORKSPACE_KIND,
    WORKSPACE_PLURAL,
)
from sync_operator.api.crd.openapi_schema import Schema, attach_rules, structural_schema
from sync_operator.api.kinds.connector import ConnectorSpec
from sync_operator.api.kinds.model import ModelSpec
from sync_operator.api.kinds.sync import SyncSpec
from sync_operator.api.kinds.workspace import WorkspaceSpec
from sync_operator.api.rules.cel import CelRule
from sync_operator.api.rules.pipeline_rules import (
    CONNECTOR_RULES,
    CONNECTOR_TRANSITIONS,
    MODEL_FIELD_RULES,
    MODEL_RULES,
    MODEL_TRANSITIONS,
)
from sync_operator.api.rules.sync_rules import SYNC_FIELD_RULES, SYNC_RULES, SYNC_TRANSITIONS
from sync_operator.api.rules.workspace_rules import WORKSPACE_FIELD_RULES, WORKSPACE_RULES
from sync_operator.api.statuses.status import ConnectorStatus, ModelStatus, SyncStatus, WorkspaceStatus

__all__ = ["KINDS", "connector_crd", "crd_of", "model_crd", "sync_crd", "workspace_crd"]

_UNSEEN: Final = {
    "observedGeneration": -1,
    "message": (
        "no operator has looked at it yet; if that stays so, none is running or serves this namespace: kubectl get "
        "deployments -A -l app.kubernetes.io/name=sync-operator"
    ),
}
"""Status of a new resource, which says by itself that nobody has looked at it, so that nobody takes it for done."""
_BY_WORKSPACE: Final = (".spec.workspaceRef.name",)
_READY: Final = '.status.conditions[?(@.type=="Ready")]'


def _column(name: str, path: str, description: str, *, kind: str = "string", wide: bool = False) -> dict[str, Any]:
    column = {"name": name, "type": kind, "jsonPath": path, "description": description}
    return {**column, "priority": 1} if wide else column


_MESSAGE: Final = _column("MESSAGE", ".status.message", "What is worst about it, in words.", wide=True)


def sync_crd() -> dict[str, Any]:
    """The CRD of Syncs."""
    schema = _root(
        "A sync of rows from a source, through a model, to a destination: registered with the server, run on time.",
        SyncSpec,
        SyncStatus,
        (*SYNC_RULES, *SYNC_FIELD_RULES, *SYNC_TRANSITIONS),
    )
    columns = (
        _column("READY", f"{_READY}.status", "Whether what the spec asks for is in place."),
        _column("STATUS", f"{_READY}.reason", "Why it is ready, or why not."),
        _column("HEALTHY", ".status.health", "Whether its runs deliver their rows, in time."),
        _column("SCHEDULE", ".status.effectiveSchedule", "The schedule in force."),
        _column("LAST RUN", ".status.lastRun.verdict", "What became of the newest run."),
        _column("NEXT", ".status.nextRuns[0]", "The next scheduled run."),
        _column("AGE", ".metadata.creationTimestamp", "Time since creation.", kind="date"),
        _column("ID", ".status.id", "The server's id of the sync.", wide=True),
        _column("ROWS OK", ".status.lastRun.rows.succeeded", "Rows delivered by it.", kind="integer", wide=True),
        _column("ROWS FAILED", ".status.lastRun.rows.failed", "Rows refused in it.", kind="integer", wide=True),
        _column("WORKSPACE", ".spec.workspaceRef.name", "The Workspace it lives in.", wide=True),
        _MESSAGE,
    )
    selectable = (*_BY_WORKSPACE, ".status.health")
    return _crd(SYNC_KIND, SYNC_PLURAL, schema, columns, short="sy", selectable=selectable)


def workspace_crd() -> dict[str, Any]:
    """The CRD of Workspaces."""
    schema = _root(
        "The connection to one workspace on a server; Syncs of the same namespace refer to it by name.",
        WorkspaceSpec,
        WorkspaceStatus,
        (*WORKSPACE_RULES, *WORKSPACE_FIELD_RULES),
    )
    columns = (
        _column("READY", f"{_READY}.status", "Whether the server answers and takes the credentials."),
        _column("STATUS", f"{_READY}.reason", "Why it is ready, or why not."),
        _column("URL", ".spec.url", "Where the server is."),
        _column("SYNCS", ".status.syncs", "How many Syncs use it.", kind="integer"),
        _column("AGE", ".metadata.creationTimestamp", "Time since creation.", kind="date"),
        _MESSAGE,
    )
    return _crd(WORKSPACE_KIND, WORKSPACE_PLURAL, schema, columns, short="sws")


def connector_crd() -> dict[str, Any]:
    """The CRD of Connectors."""
    schema = _root(
        "A source or destination on the server, with its configuration; Models and Syncs refer to it by name.",
        ConnectorSpec,
        ConnectorStatus,
        (*CONNECTOR_RULES, *CONNECTOR_TRANSITIONS),
    )
    columns = (
        _column("READY", f"{_READY}.status", "Whether what the spec asks for is in place."),
        _column("STATUS", f"{_READY}.reason", "Why it is ready, or why not."),
        _column("TYPE", ".spec.connectorType", "Whether it is a source or a destination."),
        _column("DEFINITION", ".spec.connectorName", "Its definition on the server."),
        _column("AGE", ".metadata.creationTimestamp", "Time since creation.", kind="date"),
        _column("ID", ".status.id", "The server's id of the connector.", wide=True),
        _column("STREAMS", ".status.streamCount", "How many streams its catalog has.", kind="integer", wide=True),
        _column("WORKSPACE", ".spec.workspaceRef.name", "The Workspace it lives in.", wide=True),
        _MESSAGE,
    )
    return _crd(CONNECTOR_KIND, CONNECTOR_PLURAL, schema, columns, short="sconn", selectable=_BY_WORKSPACE)


def model_crd() -> dict[str, Any]:
    """The CRD of Models."""
    schema = _root(
        "A query over a source, whose rows Syncs send; they refer to it by name.",
        ModelSpec,
        ModelStatus,
        (*MODEL_RULES, *MODEL_FIELD_RULES, *MODEL_TRANSITIONS),
    )
    columns = (
        _column("READY", f"{_READY}.status", "Whether what the spec asks for is in place."),
        _column("STATUS", f"{_READY}.reason", "Why it is ready, or why not."),
        _column("TYPE", ".spec.queryType", "How the source reads its query."),
        _column(
            "CONNECTOR", ".spec.connectorRef.*", "The Connector that its query is sent to, or its name on the server."
        ),
        _column("AGE", ".metadata.creationTimestamp", "Time since creation.", kind="date"),
        _column("ID", ".status.id", "The server's id of the model.", wide=True),
        _column("WORKSPACE", ".spec.workspaceRef.name", "The Workspace it lives in.", wide=True),
        _MESSAGE,
    )
    return _crd(MODEL_KIND, MODEL_PLURAL, schema, columns, short="smod", selectable=_BY_WORKSPACE)


_CRDS: Final = {
    SYNC_KIND: sync_crd,
    WORKSPACE_KIND: workspace_crd,
    CONNECTOR_KIND: connector_crd,
    MODEL_KIND: model_crd,
}

KINDS: Final = tuple(_CRDS)
"""All kinds of ours."""


def crd_of(kind: str) -> dict[str, Any]:
    """The CRD of a kind of ours."""
    return _CRDS[kind]()


def _root(description: str, spec: type[Model], status: type[Model], rules: tuple[CelRule, ...]) -> Schema:
    schema: Schema = {
        "type": "object",
        "description": description,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"Always {GROUP}/{VERSION}."},
            "kind": {"type": "string", "description": "The kind of this resource."},
            "metadata": {"type": "object"},
            "spec": structural_schema(spec, defaults=True),
            "status": structural_schema(status, defaults=False) | {"default": dict(_UNSEEN)},
        },
    }
    attach_rules(schema, rules)
    return schema


def _crd(
    kind: str,
    plural: str,
    schema: Schema,
    columns: tuple[dict[str, Any], ...],
    *,
    short: str,
    selectable: tuple[str, ...] = (),
) -> dict[str, Any]:
    version: dict[str, Any] = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": list(columns),
    }
    if selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in selectable]
    version["schema"] = {"openAPIV3Schema": schema}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [short],
                "categories": ["squared"],
            },
            "versions": [version],
        },
    }
