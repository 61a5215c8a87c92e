"""From a server's sync to the manifest that takes it over without changing anything. Pure.

Every manifest is put to the test before it is given out: it must be valid, and applying it must write nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sync_operator.decide.picture import WorkspaceView
from sync_operator.model.names import API_VERSION, SYNC_KIND
from sync_operator.model.status import SyncStatus
from sync_operator.model.sync import Scheduler, ScheduleType, WorkspaceRef
from sync_operator.remote.answers import camel
from sync_operator.remote.types import Dialect, RemoteSync
from sync_operator.tools.checking import judge_all
from sync_operator.tools.foresee import foresee, picture_of
from sync_operator.tools.hiding import hide_secrets
from sync_operator.tools.manifests import gather
from sync_operator.tools.metadata import slug
from sync_operator.tools.sources import Source
from sync_operator.tools.yamlwrite import dump_yaml

__all__ = ["Exported", "export_sync"]

_NAME_LIMIT: Final = 52
"""What fits a CronJob's name, so that it is named like its Sync."""
_IDS: Final = ("source_id", "destination_id", "model_id")
_FIRST: Final = ("from", "to", "mapping_type")
_RUN_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "interval": ("sync_interval", "sync_interval_unit"),
    "cron_expression": ("cron_expression",),
    "automated": ("sync_interval", "sync_interval_unit", "cron_expression"),
}
"""Schedule type → the fields that it runs by; the others may hold anything."""


@dataclass(frozen=True, slots=True)
class Exported:
    """One sync of the server.

    Attributes:
        text: its manifest as YAML; empty when there can be none.
        group: what it is filed under.
        refused: why there can be no manifest.
    """

    sync_id: str
    text: str
    group: str
    refused: str = ""


def export_sync(remote: RemoteSync, view: WorkspaceView, namespace: str | None, now: datetime) -> Exported:
    """The manifest of a sync.

    Args:
        remote: the sync as the server lists it.
        view: the Workspace that it is to be reached through.
        namespace: written into the manifest; None for none.
        now: aware.
    """
    name = _name(remote)
    hidden = hide_secrets(remote.attributes.get("configuration"), f"{name}-configuration")
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    manifest = {
        "apiVersion": API_VERSION,
        "kind": SYNC_KIND,
        "metadata": metadata,
        "spec": _spec(remote, view, hidden.configuration, hidden.keys, f"{name}-configuration"),
    }
    group = f"destination-{remote.attributes.get('destination_id')}"
    text = _secret_hint(f"{name}-configuration", hidden.keys, namespace) + dump_yaml(manifest)
    return Exported(remote.id, text, group, _objection(text, remote, view, now))


def _name(remote: RemoteSync) -> str:
    """Stream and id: readable, the same at each export, and unlike any other's, because the id is at its end."""
    end = f"-{remote.id}"
    stream = slug(str(remote.attributes.get("stream_name") or ""), _NAME_LIMIT - len(end))
    return f"{stream or 'sync'}{end}"


def _spec(
    remote: RemoteSync, view: WorkspaceView, configuration: Any, secrets: Mapping[str, str], secret_name: str
) -> dict[str, Any]:
    held = remote.attributes
    kind = str(held.get("schedule_type"))
    fields = {name: _whole(held.get(name)) for name in _IDS}
    names = ("stream_name", "sync_mode", "cursor_field", "schedule_type", *_RUN_BY.get(kind, ()))
    fields |= {name: held.get(name) for name in names}
    fields["sync_interval"] = _whole(fields.get("sync_interval"))
    spec: dict[str, Any] = {"externalId": remote.id}
    if view.name != WorkspaceRef().name:
        spec["workspaceRef"] = {"name": view.name}
    spec |= {camel(name): value for name, value in fields.items() if value is not None}
    disabled = view.dialect is Dialect.MULTIWOVEN and remote.status == "disabled"
    if kind != ScheduleType.MANUAL or disabled:
        # Its schedule is the server's: with a CronJob it would be taken over, and a disabled one enabled.
        spec["scheduler"] = Scheduler.SERVER.value
    if disabled:
        spec["suspend"] = True
    spec["configuration"] = _readable(configuration)
    if secrets:
        spec["configurationSecrets"] = [
            {"pointer": pointer, "secretKeyRef": {"name": secret_name, "key": key}} for key, pointer in secrets.items()
        ]
    return spec


def _objection(text: str, remote: RemoteSync, view: WorkspaceView, now: datetime) -> str:
    """Why this manifest would not take the sync over as it is; empty when it would."""
    judged = judge_all(gather([Source(remote.id, text)], "default"), now)
    errors = [problem.said for problem in judged.problems if problem.severity == "error"]
    spec = judged.syncs[0].spec if judged.syncs else None
    if errors or spec is None:
        return errors[0]
    picture = picture_of(spec, ("default", judged.syncs[0].manifest.name), SyncStatus(), view, now)
    foreseen = foresee(picture, {}, {remote.id: remote})
    if foreseen.sync_id != remote.id or foreseen.changes:
        change = next((f"{it.place}: {it.old} → {it.new}" for it in foreseen.changes), "")
        return change or foreseen.notes[0]
    return ""


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
    """Items as people write them: where from, where to, how. The server's database orders names by their length."""
    if not isinstance(configuration, list):
        return configuration
    return [
        {**{name: item[name] for name in _FIRST if name in item}, **item} if isinstance(item, Mapping) else item
        for item in configuration
    ]


def _whole(value: Any) -> Any:
    """A number, also where the server writes it as text."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
