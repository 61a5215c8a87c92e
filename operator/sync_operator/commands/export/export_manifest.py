"""Converts a server's sync to a manifest that adopts it without changing it. Pure.

Each manifest is checked before it is returned: it must be valid, and a dry run must not change the server.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sync_operator.api.constants import API_VERSION, CONNECTOR_KIND, MODEL_KIND, SYNC_KIND
from sync_operator.api.kinds.resource_ref import WorkspaceRef
from sync_operator.api.kinds.sync import Scheduler, ScheduleType, SyncSpec
from sync_operator.api.statuses.status import SyncStatus
from sync_operator.commands.export.secret_extraction import extract_secrets
from sync_operator.commands.export.yaml_writer import dump_yaml
from sync_operator.commands.input_files import Source
from sync_operator.commands.manifests.manifest_set import load_manifests
from sync_operator.commands.plan.dry_run import dry_run
from sync_operator.commands.plan.planned_kinds.planned_sync import PLANNED_SYNC, snapshot_of
from sync_operator.commands.validate.checks.metadata_rules import slug
from sync_operator.commands.validate.manifest_set_rules import judge_all
from sync_operator.domain.reference_view import ReferenceView
from sync_operator.domain.sync.references import resource_roles
from sync_operator.domain.workspace_view import WorkspaceView
from sync_operator.syncapi.types import Dialect, RefKind, RemoteSync
from sync_operator.util.field_names import camel

__all__ = ["Exported", "ResourceNames", "export_sync"]

_NAME_LIMIT: Final = 52
"""Maximum length of a CronJob's name; a Sync within it gives its CronJob the same name."""
_ROLES: Final = {f"{role}_id": role for role in RefKind}
_KIND_OF: Final[Mapping[RefKind, str]] = {
    RefKind.SOURCE: CONNECTOR_KIND,
    RefKind.DESTINATION: CONNECTOR_KIND,
    RefKind.MODEL: MODEL_KIND,
}
_FIRST: Final = ("from", "to", "mapping_type")
_RUN_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "interval": ("sync_interval", "sync_interval_unit"),
    "cron_expression": ("cron_expression",),
    "automated": ("sync_interval", "sync_interval_unit", "cron_expression"),
}
"""Schedule type → the fields that it uses; the server ignores the others."""

type ResourceNames = Mapping[tuple[str, str], str]
"""By kind and server id, the name of the resource that stands for it, in the namespace of the manifest."""
_NO_NAMES: Final[ResourceNames] = {}


@dataclass(frozen=True, slots=True)
class Exported:
    """One exported connector, model or sync.

    Attributes:
        noun: what it is on the server.
        remote_id: the server's id of it.
        text: its manifest as YAML.
        group: name of its file.
        refused: why the manifest would not adopt it unchanged; empty if it would.
    """

    noun: str
    remote_id: str
    text: str
    group: str
    refused: str = ""


def export_sync(
    remote: RemoteSync, view: WorkspaceView, namespace: str | None, now: datetime, names: ResourceNames = _NO_NAMES
) -> Exported:
    """The manifest of a sync.

    Args:
        remote: the sync as the server lists it.
        view: the Workspace that the manifest refers to.
        namespace: namespace of the manifest; None for none.
        now: the current time (aware).
        names: of the Connectors and Models beside it.
    """
    name = _name(remote)
    hidden = extract_secrets(remote.attributes.get("configuration"), f"{name}-configuration")
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    manifest = {
        "apiVersion": API_VERSION,
        "kind": SYNC_KIND,
        "metadata": metadata,
        "spec": _spec(remote, view, hidden.configuration, hidden.keys, f"{name}-configuration", names),
    }
    group = f"destination-{remote.attributes.get('destination_id')}"
    text = _secret_hint(f"{name}-configuration", hidden.keys, namespace) + dump_yaml(manifest)
    return Exported("sync", remote.id, text, group, _objection(text, remote, view, now, names))


def _name(remote: RemoteSync) -> str:
    """A name from stream and id: readable, stable between exports, and unique because of the id."""
    end = f"-{remote.id}"
    stream = slug(str(remote.attributes.get("stream_name") or ""), _NAME_LIMIT - len(end))
    return f"{stream or 'sync'}{end}"


def _spec(
    remote: RemoteSync,
    view: WorkspaceView,
    configuration: Any,
    secrets: Mapping[str, str],
    secret_name: str,
    resources: ResourceNames,
) -> dict[str, Any]:
    held = remote.attributes
    kind = str(held.get("schedule_type"))
    fields = {name: _whole(held.get(name)) for name in _ROLES}
    names = ("stream_name", "sync_mode", "cursor_field", "schedule_type", *_RUN_BY.get(kind, ()))
    fields |= {name: held.get(name) for name in names}
    fields["sync_interval"] = _whole(fields.get("sync_interval"))
    spec: dict[str, Any] = {"externalId": remote.id}
    if view.name != WorkspaceRef().name:
        spec["workspaceRef"] = {"name": view.name}
    for name, value in fields.items():
        role = _ROLES.get(name)
        resource = resources.get((_KIND_OF[role], str(value))) if role is not None else None
        if role is not None and resource is not None:
            spec[f"{role}Ref"] = {"name": resource}
        elif value is not None:
            spec[camel(name)] = value
    disabled = view.dialect is Dialect.MULTIWOVEN and remote.status == "disabled"
    if kind != ScheduleType.MANUAL or disabled:
        # The server keeps its schedule: a CronJob would replace it, and would enable a disabled sync.
        spec["scheduler"] = Scheduler.SERVER.value
    if disabled:
        spec["suspend"] = True
    spec["configuration"] = _readable(configuration)
    if secrets:
        spec["configurationSecrets"] = [
            {"pointer": pointer, "secretKeyRef": {"name": secret_name, "key": key}} for key, pointer in secrets.items()
        ]
    return spec


def _objection(text: str, remote: RemoteSync, view: WorkspaceView, now: datetime, names: ResourceNames) -> str:
    """Why this manifest would not adopt the sync unchanged; empty if it would."""
    judged = judge_all(load_manifests([Source(remote.id, text)], "default"), now)
    errors = [problem.message_with_field for problem in judged.problems if problem.severity == "error"]
    spec = judged.syncs[0].spec if judged.syncs else None
    if errors or spec is None:
        return errors[0]
    snapshot = snapshot_of(spec, ("default", judged.syncs[0].manifest.name), SyncStatus(), view, now)
    snapshot = replace(snapshot, references=_references(spec, names))
    foreseen = dry_run(PLANNED_SYNC, snapshot, {}, {remote.id: remote})
    if foreseen.remote_id != remote.id or foreseen.changes:
        change = next((f"{it.path}: {it.old} → {it.new}" for it in foreseen.changes), "")
        return change or foreseen.notes[0]
    return ""


def _references(spec: SyncSpec, names: ResourceNames) -> dict[RefKind, ReferenceView]:
    """The Connectors and Models that the spec names, as they are once they are registered."""
    ids = {(kind, name): int(remote_id) for (kind, remote_id), name in names.items()}
    named = ((role, _KIND_OF[role], getattr(spec, f"{role}_ref").name) for role in resource_roles(spec))
    return {role: ReferenceView(kind=kind, name=name, id=ids[kind, name], ready=True) for role, kind, name in named}


def _secret_hint(name: str, keys: Mapping[str, str], namespace: str | None) -> str:
    if not keys:
        return ""
    where = f" --namespace {namespace}" if namespace else ""
    literals = " ".join(f"--from-literal={key}=VALUE" for key in keys)
    return (
        "# Holds secrets, which are not exported. Before you apply it, put them into a Secret; until then it waits:\n"
        f"#   kubectl create secret generic {name}{where} {literals}\n"
    )


def _readable(configuration: Any) -> Any:
    """Items with their keys in the usual order (from, to, mapping type); the server's database sorts keys by length."""
    if not isinstance(configuration, list):
        return configuration
    return [
        {**{name: item[name] for name in _FIRST if name in item}, **item} if isinstance(item, Mapping) else item
        for item in configuration
    ]


def _whole(value: Any) -> Any:
    """The value as a number if the server writes one as text; else unchanged."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
