"""`sync-operator plan`: what applying manifests would do on their servers, field by field, without doing it."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from sync_operator.commands.diagnostics import Severity, shown_problem
from sync_operator.commands.input_files import UsageError, read_sources
from sync_operator.commands.manifests.manifest_set import SECRET_KIND, ManifestSet, load_manifests
from sync_operator.commands.plan.cluster_changes import cluster_changes
from sync_operator.commands.plan.output.plan_json import as_json
from sync_operator.commands.plan.output.plan_text import as_text
from sync_operator.commands.plan.output.planned import Planned, exit_code
from sync_operator.commands.plan.plan_input import Candidate, candidates_of, read_live
from sync_operator.commands.plan.planner import Group, Plan, read_groups
from sync_operator.commands.plan.pruning import Deletion, Pruned, deletions, with_users, workspace_deletions
from sync_operator.commands.server_access import WorkspaceContent
from sync_operator.commands.targets import Secrets
from sync_operator.commands.terminal import in_utf8, print_error, style_of
from sync_operator.commands.validate.manifest_set_rules import Judged, judge_all
from sync_operator.commands.validate.validate_command import add_input_arguments
from sync_operator.domain.usage import USER_FIELDS
from sync_operator.errors import InvalidSettingsError, InvalidSpecError
from sync_operator.settings import ToolSettings

__all__ = ["add_arguments", "main", "show_problems"]

_EPILOG: Final = """\
It needs no cluster. It reads from the sync server, with the Secrets that the Workspaces name, when they are in the
input, or with the token of the environment. Values from Secrets are never shown, and a server shows none of a
connector: whether one has changed is only known with --live and its Secret in the input.

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
  1   a manifest is invalid, a resource would stall or a deletion wait, or a server gave no answer
  2   the command was used wrongly, or a file cannot be read

examples:
  sync-operator plan workspace.yaml secret.yaml pipeline/
  kubectl get connectors,models,syncs,workspaces -A -o yaml > live.yaml; sync-operator plan pipeline/ --live live.yaml
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
        help="what the cluster holds, from `kubectl get connectors,models,syncs,workspaces -A -o yaml`: it says what "
        "on the server belongs to which resource, and shows changes in the cluster; without it, what fits on the "
        "server is assumed to belong to the resource, and the cluster is not compared",
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
    secrets = Secrets(manifest for each in (live, found) for manifest in each.of(SECRET_KIND))
    candidates = candidates_of(judged, live)
    gone = _deletions(judged, live, now) if args.prune else []
    in_use = [each.workspace for each in gone if each.deletes_remote and each.manifest.kind in USER_FIELDS]
    groups = read_groups(candidates, in_use, judged, live, secrets, settings)
    planned = Plan(tuple(groups.values()), found, live, secrets, now).planned()
    if args.live:
        planned = [_with_cluster(each) for each in planned]
    pruned = _pruned(gone, judged, live, candidates, tuple(groups.values()), now) if args.prune else Pruned()
    style = style_of(sys.stdout, colour=settings.colour)
    is_json = args.output == "json"
    lines = [as_json(planned, pruned)] if is_json else as_text(planned, style, pruned)
    stream = in_utf8(sys.stdout) if is_json else sys.stdout
    stream.writelines(f"{line}\n" for line in lines)
    return exit_code(planned, pruned)


def _with_cluster(planned: Planned) -> Planned:
    """The plan with the resource's changes in the cluster; none if it is not there yet."""
    each = planned.candidate
    held = each.live.get("spec") if each.live is not each.checked.manifest.value else None
    if not isinstance(held, Mapping):
        return replace(planned, cluster=())
    reported = {change.path for change in planned.planned_change.changes} if planned.planned_change else set()
    try:
        return replace(planned, cluster=cluster_changes(each.kind, each.spec, held, reported))
    except InvalidSpecError as error:
        return replace(planned, read_error=f"of what the cluster holds, {error}")


def _deletions(judged: Judged, live: ManifestSet, now: datetime) -> list[Deletion]:
    """The registered resources that pruning deletes: those of the cluster that are not in the input."""
    every = (it.manifest for it in judged.all)
    return deletions(live, {(it.kind, it.namespace, it.name) for it in every}, now)


def _pruned(
    gone: Sequence[Deletion],
    judged: Judged,
    live: ManifestSet,
    candidates: Sequence[Candidate],
    groups: Sequence[Group],
    now: datetime,
) -> Pruned:
    def content_of(each: Deletion) -> WorkspaceContent | str:
        fitting = (it for it in groups if it.target is not None and it.target.remote_workspace == each.place)
        group = next(fitting, None)
        if group is None:
            errors = [it.error for it in groups if it.target is None]
            return errors[0] if errors else "its Workspace names another workspace of a server now"
        return group.content or group.error

    workspaces = {(it.manifest.namespace, it.manifest.name) for it in judged.workspaces}
    waiting = with_users(gone, live, candidates, content_of, now)
    return Pruned(waiting, workspace_deletions(live, workspaces, candidates))


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
