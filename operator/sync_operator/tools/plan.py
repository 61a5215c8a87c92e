"""`sync-operator plan`: what applying manifests would do on their servers, field by field, without doing it."""

import argparse
import sys
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from sync_operator.decide.diff import Change
from sync_operator.decide.refs import named_roles
from sync_operator.errors import InvalidSettingsError, InvalidSpecError, SyncOperatorError
from sync_operator.model.names import SYNC_KIND, WORKSPACE_KIND
from sync_operator.model.status import SyncStatus, read_sync_status
from sync_operator.model.workspace import Place, place_of
from sync_operator.remote.types import Role
from sync_operator.settings import ToolSettings
from sync_operator.tools.check import check_workspace
from sync_operator.tools.checking import Judged, judge_all
from sync_operator.tools.clusterside import cluster_changes, deletions
from sync_operator.tools.manifests import SECRET_KIND, Gathered, Manifest, gather
from sync_operator.tools.planning import Applied, Candidate, plan_workspace
from sync_operator.tools.planreport import Planned, as_json, as_text, verdict
from sync_operator.tools.problems import Severity, shown_problem
from sync_operator.tools.server import read_workspace
from sync_operator.tools.sources import UsageError, read_sources
from sync_operator.tools.targets import Home, Secrets, Target, environment_target, workspace_target
from sync_operator.tools.terminal import Progress, complain, in_utf8, style_of
from sync_operator.tools.validate import add_input_arguments

__all__ = ["LOGIN_NOTE", "add_arguments", "claimed_ids", "find_targets", "main", "read_live", "show_problems"]

LOGIN_NOTE: Final = (
    "logging in as {email}, which ends this user's other sessions: the operator, if it uses the same login, logs in "
    "again by itself\n"
)

_LIVE_KINDS: Final = (SYNC_KIND, WORKSPACE_KIND)

_EPILOG: Final = """\
credentials: the Secrets that the Workspaces name, when they are in the input; or the environment:
  SYNC_API_TOKEN         token; sent to the server of SYNC_API_URL only, or to the only one in the input
  SYNC_API_URL, SYNC_API_WORKSPACE_ID, SYNC_API_DIALECT, SYNC_API_CA_FILE
                         the server, when the Workspace is not in the input
  SYNC_OPERATOR_ALLOW_INSECURE_HOSTS, SYNC_OPERATOR_ALLOWED_HOSTS, HTTPS_PROXY, NO_PROXY
                         as for the controller

exit codes:
  0   nothing would change
  10  something would, on the server or in the cluster
  1   a manifest is invalid, a Sync would stall, or a server gave no answer
  2   the command was used wrongly, or a file cannot be read

examples:
  sync-operator plan workspace.yaml secret.yaml syncs/
  kubectl get syncs,workspaces -A -o yaml > live.yaml; sync-operator plan syncs/ --live live.yaml
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_input_arguments(parser)
    parser.epilog = _EPILOG
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    parser.add_argument(
        "--live",
        metavar="FILE",
        action="append",
        default=[],
        help="what the cluster holds, from `kubectl get syncs,workspaces -A -o yaml`: it tells which server sync "
        "belongs to which Sync; without it that is taken for granted where one fits",
    )
    parser.add_argument(
        "--prune",
        action="store_true",
        help="tell what is deleted when Syncs of --live that are not in the input are pruned, as Argo CD and "
        "`kubectl apply --prune` do",
    )


def main(args: argparse.Namespace) -> int:
    """Plan; returns the exit code."""
    if args.prune and not args.live:
        complain("plan", "--prune needs --live FILE: only what the cluster holds can be deleted")
        return 2
    try:
        settings = ToolSettings.from_environment()
        found = gather(read_sources(args.files, sys.stdin.buffer), args.namespace)
        live = read_live(args.live, sys.stdin.buffer, args.namespace)
    except (UsageError, InvalidSettingsError) as error:
        complain("plan", error)
        return 2
    now = datetime.now(UTC)
    judged = judge_all(found, now, settings.run_pods)
    if not judged.valid:
        show_problems(judged, settings, "plan")
        return 1
    planned = [
        replace(each, cluster=_cluster(each, live))
        for each in _plan(judged, live, Secrets(_secrets(found, live)), settings, now)
    ]
    kept = {(checked.manifest.namespace, checked.manifest.name) for checked in judged.syncs}
    pruned = deletions(live, kept) if args.prune else []
    style = style_of(sys.stdout, colour=settings.colour)
    lines = [as_json(planned, pruned)] if args.output == "json" else as_text(planned, style, pruned)
    stream = in_utf8(sys.stdout) if args.output == "json" else sys.stdout
    stream.writelines(f"{line}\n" for line in lines)
    return verdict(planned, pruned)


def _cluster(planned: Planned, live: Gathered) -> tuple[Change, ...]:
    """What applying a Sync changes in the cluster, where the cluster's own is in the input."""
    home = planned.candidate.home
    specs = [it.value.get("spec") for it in live.of(SYNC_KIND) if (it.namespace, it.name) == home]
    told = {change.place for change in planned.foresight.changes} if planned.foresight else set()
    held = specs[-1] if specs else None
    return cluster_changes(planned.candidate.spec, held, told) if isinstance(held, Mapping) else ()


def read_live(files: Sequence[str], stdin: BinaryIO, namespace: str) -> Gathered:
    """What the cluster holds, as `kubectl get` wrote it.

    Raises:
        UsageError: a file cannot be read as a whole, or holds no Sync and no Workspace: a plan made without what it is
            to tell would be wrong, and nobody would see it.
    """
    live = gather(read_sources(files, stdin), namespace)
    for problem in live.problems:
        raise UsageError(f"--live {problem.source.shown}:{problem.line}: {problem.said}")
    for file in files:
        if not any(manifest.source.name == file and manifest.kind in _LIVE_KINDS for manifest in live.manifests):
            if Path(file).is_dir() and live.manifests:
                continue
            raise UsageError(
                f"--live {file}: holds no {SYNC_KIND} and no {WORKSPACE_KIND}; write it anew with "
                "`kubectl get syncs,workspaces -A -o yaml`, and see that kubectl reports no error"
            )
    return live


def find_targets(
    homes: Iterable[Home], judged: Judged, live: Gathered, secrets: Secrets, settings: ToolSettings
) -> dict[Home, Target | str]:
    """The server of each Workspace, or why there is none."""
    every = (*map(check_workspace, live.of(WORKSPACE_KIND)), *judged.workspaces)
    specs = {(it.manifest.namespace, it.manifest.name): it.spec for it in every if it.spec is not None}
    wanted = list(dict.fromkeys(homes))
    alone = len({place_of(specs[home].url, None) for home in wanted if home in specs}) == 1
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


def _plan(judged: Judged, live: Gathered, secrets: Secrets, settings: ToolSettings, now: datetime) -> list[Planned]:
    candidates = _candidates(judged, live)
    homes = {each.home: (each.home[0], each.spec.workspace_ref.name) for each in candidates}
    targets = find_targets(homes.values(), judged, live, secrets, settings)
    groups: dict[Place | str, list[Candidate]] = {}
    for each in candidates:
        target = targets[homes[each.home]]
        groups.setdefault(target if isinstance(target, str) else target.place, []).append(each)
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
            workspace = read_workspace(target, settings, progress.tell, roles=roles, checked=tuple(Role))
            claimed = claimed_ids(live, target, {each.home for each in group})
            foreseen = plan_workspace(target, workspace, group, secrets, claimed, now)
            planned |= {each.home: Planned(each, it) for each, it in zip(group, foreseen, strict=True)}
        except SyncOperatorError as error:
            words = (
                f"{WORKSPACE_KIND} {target.name}: {target.told(error)}" if isinstance(target, Target) else str(error)
            )
            planned |= {each.home: Planned(each, None, words) for each in group}
        finally:
            progress.done()
    return [planned[each.home] for each in candidates]


def _candidates(judged: Judged, live: Gathered) -> list[Candidate]:
    """The Syncs of the input, each with what is known of it in the cluster."""
    applied = {
        (manifest.namespace, manifest.name): read_sync_status(manifest.value.get("status"))
        for manifest in live.of(SYNC_KIND)
    }
    candidates = []
    for checked in judged.syncs:
        manifest, spec = checked.manifest, checked.spec
        if spec is None:
            continue
        own = read_sync_status(manifest.value.get("status"))
        known = applied.get((manifest.namespace, manifest.name), own if own != SyncStatus() else None)
        told = bool(live.manifests) or known is not None
        candidates.append(Candidate(checked, spec, Applied(known) if told else None))
    return candidates


def claimed_ids(live: Gathered, target: Target, but: Container[Home]) -> frozenset[str]:
    """Ids of the target's syncs that belong to other Syncs of the cluster."""
    ids = set()
    for manifest in live.of(SYNC_KIND):
        status = read_sync_status(manifest.value.get("status"))
        if status.id and status.url and (manifest.namespace, manifest.name) not in but:
            ids |= {status.id} if place_of(status.url, status.workspace_id) == target.place else set()
    return frozenset(ids)


def _secrets(*inputs: Gathered) -> list[Manifest]:
    return [manifest for found in inputs for manifest in found.of(SECRET_KIND)]


def show_problems(judged: Judged, settings: ToolSettings, command: str) -> None:
    """Show, on standard error, why a command does not go on."""
    style = style_of(sys.stderr, colour=settings.colour)
    errors: Sequence[str] = [
        line
        for problem in judged.problems
        if problem.severity is Severity.ERROR
        for line in shown_problem(problem, style)
    ]
    sys.stderr.write("".join(f"{line}\n" for line in errors))
    complain(command, "nothing was asked, because these manifests would be refused")
