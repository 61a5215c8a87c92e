"""What a plan begins with: the objects of the cluster (``--live``), the servers, and the resources to be applied."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from sync_operator.api.base import Model
from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND, SYNC_KIND, WORKSPACE_KIND
from sync_operator.api.kinds.workspace import RemoteWorkspace, remote_workspace_of
from sync_operator.api.statuses.status import read_connector_status, read_model_status, read_sync_status
from sync_operator.api.statuses.status_fields import to_dict
from sync_operator.api.validation.strict_validation import read_connector_spec, read_model_spec, read_sync_spec
from sync_operator.commands.input_files import UsageError, read_sources
from sync_operator.commands.manifests.manifest_set import Manifest, ManifestSet, load_manifests
from sync_operator.commands.plan.applied_spec import applied_spec
from sync_operator.commands.targets import Home, Secrets, Target, environment_target, workspace_target
from sync_operator.commands.validate.checks.kind_checks import check_workspace
from sync_operator.commands.validate.checks.object_checks import Checked
from sync_operator.commands.validate.manifest_set_rules import Judged
from sync_operator.domain.registration.resource_kind import RegisteredStatus
from sync_operator.domain.usage import used_ids
from sync_operator.errors import InvalidSettingsError, InvalidSpecError
from sync_operator.settings import ToolSettings

__all__ = [
    "READ_SPEC",
    "READ_STATUS",
    "Candidate",
    "candidates_of",
    "find_targets",
    "read_live",
    "registered_ids",
    "registered_workspace",
    "uses_of",
    "workspace_of",
]

READ_STATUS: Final[Mapping[str, Callable[[object], Any]]] = {
    CONNECTOR_KIND: read_connector_status,
    MODEL_KIND: read_model_status,
    SYNC_KIND: read_sync_status,
}
"""Registered kind, in the order of their references → what reads a status."""
READ_SPEC: Final[Mapping[str, Callable[[Mapping[str, Any]], Any]]] = {
    CONNECTOR_KIND: read_connector_spec,
    MODEL_KIND: read_model_spec,
    SYNC_KIND: read_sync_spec,
}
"""Registered kind → what reads a spec."""
_LIVE_KINDS: Final = (*READ_STATUS, WORKSPACE_KIND)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A Connector, Model or Sync to be applied.

    Attributes:
        checked: the checked manifest.
        spec: its spec, of the kind's own type, as applying makes it.
        status: its status in the cluster; an empty one if there is none, or it is not known.
        is_known: True if it is known what the cluster has of it.
        live: the object in the cluster; the manifest if there is none, or it is not known.
        is_changed: True if applying changes its spec in the cluster, or may do so.
    """

    checked: Checked[Any]
    spec: Any
    status: Any
    is_known: bool
    live: Mapping[str, Any]
    is_changed: bool = True

    @property
    def kind(self) -> str:
        """Kind of the resource."""
        return self.checked.manifest.kind

    @property
    def home(self) -> Home:
        """Namespace and name."""
        return self.checked.manifest.namespace, self.checked.manifest.name

    @property
    def workspace(self) -> Home:
        """Namespace and name of its Workspace."""
        return self.checked.manifest.namespace, self.spec.workspace_ref.name

    @property
    def metadata(self) -> Mapping[str, Any]:
        """``metadata`` in the cluster; that of the manifest if it is not known."""
        held = self.live.get("metadata")
        return held if isinstance(held, Mapping) else {}

    @property
    def named(self) -> str | None:
        """The server id that its status or ``spec.externalId`` names; None without either."""
        named: str | None = self.status.id or self.spec.external_id
        return named


def read_live(files: Sequence[str], stdin: BinaryIO, namespace: str) -> ManifestSet:
    """Read the objects of the cluster from files that `kubectl get` wrote.

    Raises:
        UsageError: a file cannot be read completely, or contains none of our objects. A plan without them would be
            silently wrong.
    """
    live = load_manifests(read_sources(files, stdin), namespace)
    for problem in live.problems:
        raise UsageError(f"--live {problem.source.display_name}:{problem.line}: {problem.message_with_field}")
    for file in files:
        if not any(manifest.source.name == file and manifest.kind in _LIVE_KINDS for manifest in live.manifests):
            if Path(file).is_dir() and live.manifests:
                continue
            raise UsageError(
                f"--live {file}: holds no {CONNECTOR_KIND}, {MODEL_KIND}, {SYNC_KIND} or {WORKSPACE_KIND}; write it "
                "again with `kubectl get connectors,models,syncs,workspaces -A -o yaml`, and see that kubectl reports "
                "no error"
            )
    return live


def find_targets(
    homes: Iterable[Home], judged: Judged, live: ManifestSet, secrets: Secrets, settings: ToolSettings
) -> dict[Home, Target | str]:
    """The target of each Workspace, or the reason why there is none."""
    every = (*map(check_workspace, live.of(WORKSPACE_KIND)), *judged.workspaces)
    specs = {(it.manifest.namespace, it.manifest.name): it.spec for it in every if it.spec is not None}
    wanted = list(dict.fromkeys(homes))
    alone = len({remote_workspace_of(specs[home].url, None) for home in wanted if home in specs}) == 1
    found: dict[Home, Target | str] = {}
    for home in wanted:
        try:
            if home in specs:
                found[home] = workspace_target(home, specs[home], secrets, settings, alone=alone)
            else:
                found[home] = environment_target(home[1], settings)
        except InvalidSpecError as error:
            found[home] = f"{WORKSPACE_KIND} {home[1]}: {error}"
        except InvalidSettingsError as error:
            found[home] = str(error)
    return found


def candidates_of(judged: Judged, live: ManifestSet) -> list[Candidate]:
    """The valid Connectors, Models and Syncs of the input, in the order of their references, as applying makes them."""
    there = {(it.kind, it.namespace, it.name): it.value for it in live.manifests}
    found = []
    every: tuple[Checked[Any], ...] = (*judged.connectors, *judged.models, *judged.syncs)
    for checked in every:
        manifest, spec = checked.manifest, checked.spec
        if spec is None:
            continue
        held = there.get((manifest.kind, manifest.namespace, manifest.name))
        status = READ_STATUS[manifest.kind]((held or manifest.value).get("status"))
        is_changed = held is None
        if held is not None:
            spec, is_changed = _applied(manifest, held, spec)
        is_known = bool(live.manifests) or status != READ_STATUS[manifest.kind]({})
        found.append(Candidate(checked, spec, status, is_known, held or manifest.value, is_changed))
    return found


def _applied(manifest: Manifest, live: Mapping[str, Any], spec: Model) -> tuple[Model, bool]:
    """The spec after the manifest is applied to the object in the cluster, and whether that changes it there."""
    written, read = manifest.value["spec"], READ_SPEC[manifest.kind]
    merged = applied_spec(written, live)
    try:
        spec = spec if merged == written else read(merged)
        return spec, spec != read(live.get("spec") or {})
    except InvalidSpecError:
        return spec, True


def uses_of(manifest: Manifest) -> set[tuple[str, str]]:
    """Kind and server id of what a Sync or Model of the cluster was registered with, or asks for by its id."""
    spec, status = manifest.value.get("spec"), READ_STATUS[manifest.kind](manifest.value.get("status"))
    return used_ids(manifest.kind, {"spec": spec if isinstance(spec, Mapping) else {}, "status": to_dict(status)})


def registered_workspace(status: RegisteredStatus) -> RemoteWorkspace | None:
    """Server and workspace where something is registered, by its status; None if it is not."""
    return remote_workspace_of(status.url, status.workspace_id) if status.id and status.url else None


def workspace_of(manifest: Manifest) -> RemoteWorkspace | None:
    """Server and workspace where an object of the cluster is registered; None if it is not."""
    return registered_workspace(READ_STATUS[manifest.kind](manifest.value.get("status")))


def registered_ids(live: ManifestSet, target: Target, kind: str, but: Container[Home] = ()) -> dict[str, Home]:
    """Ids of what belongs to resources of a kind in the cluster, except those in ``but``; and to which."""
    owners = {}
    for manifest in live.of(kind):
        status = READ_STATUS[kind](manifest.value.get("status"))
        home = manifest.namespace, manifest.name
        if home not in but and registered_workspace(status) == target.remote_workspace:
            owners[status.id] = home
    return owners
