"""`sync-operator plan`: what applying manifests would do on their servers, field by field, without doing it."""

import argparse
import sys
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND, SYNC_KIND, WORKSPACE_KIND
from sync_operator.api.kinds.sync import SyncSpec
from sync_operator.api.kinds.workspace import RemoteWorkspace, remote_workspace_of
from sync_operator.api.statuses.status import SyncStatus, read_connector_status, read_model_status, read_sync_status
from sync_operator.api.validation.strict_validation import read_sync_spec
from sync_operator.commands.diagnostics import Severity, shown_problem
from sync_operator.commands.input_files import UsageError, read_sources
from sync_operator.commands.manifests.manifest_set import SECRET_KIND, Manifest, ManifestSet, load_manifests
from sync_operator.commands.plan.applied_spec import applied_spec
from sync_operator.commands.plan.cluster_changes import cluster_changes, deletions, workspace_deletions
from sync_operator.commands.plan.plan_output import Planned, Pruned, as_json, as_text, exit_code
from sync_operator.commands.plan.planner import Applied, Candidate, plan_workspace
from sync_operator.commands.server_access import read_workspace
from sync_operator.commands.targets import Home, Secrets, Target, environment_target, workspace_target
from sync_operator.commands.terminal import Progress, in_utf8, print_error, style_of
from sync_operator.commands.validate.checks.kind_checks import check_workspace
from sync_operator.commands.validate.manifest_set_rules import Judged, judge_all
from sync_operator.commands.validate.validate_command import add_input_arguments
from sync_operator.domain.reference_view import ReferenceView
from sync_operator.domain.registration.resource_kind import RegisteredStatus
from sync_operator.domain.sync.references import named_roles, resource_roles
from sync_operator.errors import InvalidSettingsError, InvalidSpecError, SyncOperatorError
from sync_operator.settings import ToolSettings
from sync_operator.syncapi.types import RefKind

__all__ = ["LOGIN_NOTE", "add_arguments", "find_targets", "main", "read_live", "registered_ids", "show_problems"]

LOGIN_NOTE: Final = (
    "logging in as {email}, which ends this user's other sessions: the operator, if it uses the same login, logs in "
    "again by itself\n"
)

_LIVE_KINDS: Final = (SYNC_KIND, WORKSPACE_KIND, CONNECTOR_KIND, MODEL_KIND)
_READ_STATUS: Final[Mapping[str, Callable[[object], RegisteredStatus]]] = {
    CONNECTOR_KIND: read_connector_status,
    MODEL_KIND: read_model_status,
    SYNC_KIND: read_sync_status,
}

_EPILOG: Final = """\
It needs no cluster. It reads from the sync server, with the Secrets that the Workspaces name, when they are in the
input, or with the token of the environment.

environment:
  SYNC_API_TOKEN         token; sent to the server of SYNC_API_URL only, or to the only one in the input
  SYNC_API_URL, SYNC_API_WORKSPACE_ID, SYNC_API_DIALECT, SYNC_API_CA_FILE
                         the server, when the Workspace is not in the input
  SYNC_OPERATOR_ALLOWED_HOSTS, SYNC_OPERATOR_ALLOW_INSECURE_HOSTS, SYNC_OPERATOR_ALLOW_INTERNAL_HOSTS,
  SYNC_OPERATOR_CLUSTER_NETWORKS, SYNC_OPERATOR_POD_IPS, HTTP_PROXY, HTTPS_PROXY, NO_PROXY
                         as for the controller
  SYNC_OPERATOR_RUN_POD_SERVICE_ACCOUNTS and the others of that beginning
                         as for the controller; without any, what it may refuse is a warning
  NO_COLOR               any value turns colours off

exit codes:
  0   nothing would change on the server; nor in the cluster, with --live
  10  something would, on the server or in the cluster
  1   a manifest is invalid, a Sync would stall, or a server gave no answer
  2   the command was used wrongly, or a file cannot be read

examples:
  sync-operator plan workspace.yaml secret.yaml syncs/
  kubectl get syncs,workspaces -A -o yaml > live.yaml; sync-operator plan syncs/ --live live.yaml
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_input_arguments(parser)
    parser.epilog = _EPILOG
    parser.add_argument(
        "-o",
        "--output",
        choices=("text", "json"),
        default="text",
        help="text for people, json for programs (default: %(default)s)",
    )
    parser.add_argument(
        "--live",
        metavar="FILE",
        action="append",
        default=[],
        help="what the cluster holds, from `kubectl get syncs,workspaces -A -o yaml`: it says which server sync "
        "belongs to which Sync, and shows changes in the cluster; without it, a server sync that fits is assumed to "
        "belong to the Sync, and the cluster is not compared",
    )
    parser.add_argument(
        "--prune",
        action="store_true",
        help="tell what is deleted when what --live has and the input has not is pruned, as Argo CD and "
        "`kubectl apply --prune` do",
    )


def main(args: argparse.Namespace) -> int:
    """Run `plan` and return its exit code."""
    if args.prune and not args.live:
        print_error("plan", "--prune needs --live FILE: only what the cluster holds can be deleted")
        return 2
    try:
        settings = ToolSettings.from_environment()
        found = load_manifests(read_sources(args.files, sys.stdin.buffer), args.namespace)
        live = read_live(args.live, sys.stdin.buffer, args.namespace)
    except (UsageError, InvalidSettingsError) as error:
        print_error("plan", error)
        return 2
    now = datetime.now(UTC)
    judged = judge_all(found, now, settings)
    if not judged.valid:
        show_problems(judged, settings, "plan")
        return 1
    planned = _plan(judged, found, live, Secrets(_secrets(found, live)), settings, now)
    if args.live:
        planned = [_with_cluster(each, live) for each in planned]
    pruned = _pruned(judged, live) if args.prune else Pruned()
    style = style_of(sys.stdout, colour=settings.colour)
    ignored = [*(it.manifest for it in judged.connectors), *(it.manifest for it in judged.models)]
    is_json = args.output == "json"
    lines = [as_json(planned, pruned, ignored)] if is_json else as_text(planned, style, pruned, ignored)
    stream = in_utf8(sys.stdout) if is_json else sys.stdout
    stream.writelines(f"{line}\n" for line in lines)
    return exit_code(planned, pruned)


def _with_cluster(planned: Planned, live: ManifestSet) -> Planned:
    """The plan with the Sync's changes in the cluster; none if it is not there yet."""
    home = planned.candidate.home
    specs = [it.value.get("spec") for it in live.of(SYNC_KIND) if (it.namespace, it.name) == home]
    reported = {change.path for change in planned.planned_change.changes} if planned.planned_change else set()
    held = specs[-1] if specs else None
    if not isinstance(held, Mapping):
        return replace(planned, cluster=())
    try:
        return replace(planned, cluster=cluster_changes(planned.candidate.spec, held, reported))
    except InvalidSpecError as error:
        return replace(planned, read_error=f"of what the cluster holds, {error}")


def _pruned(judged: Judged, live: ManifestSet) -> Pruned:
    """The objects that pruning deletes: those of the cluster that are not in the input."""
    syncs, workspaces = (
        {(checked.manifest.namespace, checked.manifest.name) for checked in kind}
        for kind in (judged.syncs, judged.workspaces)
    )
    uses: dict[Home, list[str]] = {}
    for checked in judged.syncs:
        if checked.spec is not None:
            home = checked.manifest.namespace, checked.spec.workspace_ref.name
            uses.setdefault(home, []).append(checked.manifest.name)
    return Pruned(deletions(live, syncs), workspace_deletions(live, workspaces, uses))


def read_live(files: Sequence[str], stdin: BinaryIO, namespace: str) -> ManifestSet:
    """Read the objects of the cluster from files that `kubectl get` wrote.

    Raises:
        UsageError: a file cannot be read completely, or contains neither Syncs nor Workspaces. A plan without them
            would be silently wrong.
    """
    live = load_manifests(read_sources(files, stdin), namespace)
    for problem in live.problems:
        raise UsageError(f"--live {problem.source.display_name}:{problem.line}: {problem.message_with_field}")
    for file in files:
        if not any(manifest.source.name == file and manifest.kind in _LIVE_KINDS for manifest in live.manifests):
            if Path(file).is_dir() and live.manifests:
                continue
            raise UsageError(
                f"--live {file}: holds no {SYNC_KIND} and no {WORKSPACE_KIND}; write it again with "
                "`kubectl get syncs,workspaces -A -o yaml`, and see that kubectl reports no error"
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


def _plan(
    judged: Judged, found: ManifestSet, live: ManifestSet, secrets: Secrets, settings: ToolSettings, now: datetime
) -> list[Planned]:
    candidates = _candidates(judged, found, live)
    homes = {each.home: (each.home[0], each.spec.workspace_ref.name) for each in candidates}
    targets = find_targets(homes.values(), judged, live, secrets, settings)
    groups: dict[RemoteWorkspace | str, list[Candidate]] = {}
    for each in candidates:
        target = targets[homes[each.home]]
        groups.setdefault(target if isinstance(target, str) else target.remote_workspace, []).append(each)
    progress = Progress(sys.stderr)
    planned: dict[Home, Planned] = {}
    for group in groups.values():
        target = targets[homes[group[0].home]]
        try:
            if isinstance(target, str):
                raise InvalidSettingsError(target)
            if target.login is not None:
                sys.stderr.write(LOGIN_NOTE.format(email=target.login[0]))
            roles = {role for each in group for role in named_roles(each.spec)}
            workspace = read_workspace(target, settings, progress.update, roles=roles, checked=tuple(RefKind))
            owners = registered_ids(live, target, SYNC_KIND, {each.home for each in group})
            foreseen = plan_workspace(target, workspace, group, secrets, owners, now)
            planned |= {each.home: Planned(each, it) for each, it in zip(group, foreseen, strict=True)}
        except SyncOperatorError as error:
            words = (
                f"{WORKSPACE_KIND} {target.name}: {target.describe_error(error)}"
                if isinstance(target, Target)
                else str(error)
            )
            planned |= {each.home: Planned(each, None, words) for each in group}
        finally:
            progress.done()
    return [planned[each.home] for each in candidates]


def _candidates(judged: Judged, found: ManifestSet, live: ManifestSet) -> list[Candidate]:
    """The valid Syncs of the input, as applying makes them, each with its status in the cluster if known."""
    there = {(manifest.namespace, manifest.name): manifest.value for manifest in live.of(SYNC_KIND)}
    candidates = []
    for checked in judged.syncs:
        manifest, spec = checked.manifest, checked.spec
        if spec is None:
            continue
        held = there.get((manifest.namespace, manifest.name))
        own = read_sync_status(manifest.value.get("status"))
        known = read_sync_status(held.get("status")) if held is not None else own if own != SyncStatus() else None
        if held is not None:
            spec = _applied(manifest.value["spec"], held, spec)
        is_applied = bool(live.manifests) or known is not None
        candidates.append(
            Candidate(
                checked,
                spec,
                Applied(known) if is_applied else None,
                _references(manifest.namespace, spec, found, live),
            )
        )
    return candidates


def _references(namespace: str, spec: SyncSpec, found: ManifestSet, live: ManifestSet) -> dict[RefKind, ReferenceView]:
    """The Connectors and Models that a Sync names by their resource, as the cluster has them, else as in the input."""
    views = {}
    for role in resource_roles(spec):
        kind, name = MODEL_KIND if role is RefKind.MODEL else CONNECTOR_KIND, getattr(spec, f"{role}_ref").name
        each = (it.value for it in (*live.of(kind), *found.of(kind)) if (it.namespace, it.name) == (namespace, name))
        value = next(each, None) or {}
        remote_id = read_connector_status(value.get("status")).id
        views[role] = ReferenceView(
            kind=kind,
            name=name,
            found=bool(value),
            id=int(remote_id) if remote_id else None,
            ready=True,
            connector_type=str((value.get("spec") or {}).get("connectorType", "")),
        )
    return views


def _applied(written: Mapping[str, Any], live: Mapping[str, Any], spec: SyncSpec) -> SyncSpec:
    """The spec after the manifest is applied to the object in the cluster."""
    merged = applied_spec(written, live)
    try:
        return spec if merged == written else read_sync_spec(merged)
    except InvalidSpecError:
        return spec


def registered_ids(live: ManifestSet, target: Target, kind: str, but: Container[Home] = ()) -> dict[str, Home]:
    """Ids of what belongs to resources of a kind in the cluster, except those in ``but``; and to which."""
    owners = {}
    for manifest in live.of(kind):
        status = _READ_STATUS[kind](manifest.value.get("status"))
        if status.id and status.url and (manifest.namespace, manifest.name) not in but:
            remote_workspace = remote_workspace_of(status.url, status.workspace_id)
            if remote_workspace == target.remote_workspace:
                owners[status.id] = manifest.namespace, manifest.name
    return owners


def _secrets(*inputs: ManifestSet) -> list[Manifest]:
    return [manifest for found in inputs for manifest in found.of(SECRET_KIND)]


def show_problems(judged: Judged, settings: ToolSettings, command: str) -> None:
    """Print the errors of the manifests to standard error, and that the command stops because of them."""
    style = style_of(sys.stderr, colour=settings.colour)
    errors: Sequence[str] = [
        line
        for problem in judged.problems
        if problem.severity is Severity.ERROR
        for line in shown_problem(problem, style)
    ]
    sys.stderr.write("".join(f"{line}\n" for line in errors))
    print_error(
        command, "no server was contacted, because these manifests would be refused; fix the errors above first"
    )
