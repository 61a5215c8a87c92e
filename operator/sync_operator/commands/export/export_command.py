"""`sync-operator export`: writes manifests that adopt a server's existing syncs without changing them."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND, SYNC_KIND, WORKSPACE_KIND
from sync_operator.api.kinds.resource_ref import WorkspaceRef
from sync_operator.commands.export.export_manifest import Exported, export_sync
from sync_operator.commands.export.pipeline_manifests import export_connector, export_model, resource_name
from sync_operator.commands.input_files import UsageError, read_sources
from sync_operator.commands.manifests.manifest_set import SECRET_KIND, ManifestSet, load_manifests
from sync_operator.commands.plan.plan_command import show_problems
from sync_operator.commands.plan.plan_input import find_targets, read_live, registered_ids
from sync_operator.commands.plan.planner import LOGIN_NOTE
from sync_operator.commands.server_access import WorkspaceContent, read_workspace
from sync_operator.commands.targets import Home, Secrets, Target
from sync_operator.commands.terminal import Progress, in_utf8, print_error
from sync_operator.commands.validate.manifest_set_rules import Judged, judge_all
from sync_operator.commands.validate.validate_command import add_input_arguments
from sync_operator.domain.workspace_view import WorkspaceView
from sync_operator.errors import InvalidSettingsError, SyncOperatorError
from sync_operator.settings import ToolSettings

__all__ = ["add_arguments", "main", "target_of"]

_SYNC: Final = "sync"
_NOUNS: Final = ("connector", "model", _SYNC)
_DEFAULT_NAMESPACE: Final = "default"
_HEADER: Final = "# Written by `sync-operator export`, which overwrites it.\n"
_ALL_HEADER: Final = """\
# Applying this creates nothing on the server. It writes to each connector and model once: a line at the end of its
# description, by which the operator knows it again; and of a connector with secrets the whole configuration, with the
# values of its Secret. See it beforehand with `sync-operator plan`.
"""
_EPILOG: Final = """\
It needs no cluster. FILE: manifests of the Workspace and its Secret. Without them the server is taken from the
environment.

Each manifest has spec.externalId, so that applying it takes the sync over; nothing on the server changes. Schedules
stay the server's (spec.scheduler: Server). Secrets are left out; spec.configurationSecrets says where they belong. With
--all, what is exported refers to each other by name, and applying it writes to each connector and model once: the
operator's line in its description, and a configuration with secrets.

environment:
  SYNC_API_TOKEN         token, sent to the server of SYNC_API_URL only, or to the only one in FILE
  SYNC_API_URL, SYNC_API_WORKSPACE_ID, SYNC_API_DIALECT, SYNC_API_CA_FILE
                         the server, when its Workspace is not in FILE
  SYNC_OPERATOR_ALLOWED_HOSTS, SYNC_OPERATOR_ALLOW_INSECURE_HOSTS, SYNC_OPERATOR_ALLOW_INTERNAL_HOSTS,
  SYNC_OPERATOR_CLUSTER_NETWORKS, SYNC_OPERATOR_POD_IPS, HTTP_PROXY, HTTPS_PROXY, NO_PROXY
                         as for the controller
  NO_COLOR               any value turns colours off

exit codes:
  0  all syncs were exported
  1  some could not be, or the server gave no answer
  2  the command was used wrongly, or a file cannot be read or written

examples:
  sync-operator export workspace.yaml secret.yaml --output syncs/
  SYNC_API_URL=https://api.squared.ai SYNC_API_TOKEN=… sync-operator export > syncs.yaml
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_input_arguments(parser, nargs="*")
    parser.epilog = _EPILOG
    parser.add_argument(
        "-o", "--output", metavar="DIR", type=Path, help="a folder for one file per destination (default: one stream)"
    )
    parser.add_argument(
        "--workspace", metavar="NAME", help="the Workspace that they are reached through (default: the one in FILE)"
    )
    parser.add_argument(
        "--live",
        metavar="FILE",
        action="append",
        default=[],
        help="what the cluster holds, from `kubectl get syncs -A -o yaml`: syncs that belong to a Sync are left out",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="connectors and models too; with --live, written by `kubectl get syncs,models,connectors -A -o yaml`, all "
        "but those that belong to a resource",
    )


def main(args: argparse.Namespace) -> int:
    """Run `export` and return its exit code."""
    now = datetime.now(UTC)
    if args.output is not None and args.output.exists() and not args.output.is_dir():
        return _fail(f"{args.output}: is not a folder; name one with --output", 2)
    try:
        settings = ToolSettings.from_environment()
        found = load_manifests(read_sources(args.files, sys.stdin.buffer), args.namespace)
        live = read_live(args.live, sys.stdin.buffer, args.namespace)
        judged = judge_all(found, now)
        if not judged.valid:
            show_problems(judged, settings, "export")
            return 1
        target = target_of(args, found, judged, live, settings)
        try:
            exported = _export(target, live, args, settings, now)
        except SyncOperatorError as error:
            return _fail(target.describe_error(error), 1)
        good = [each for each in exported if not each.refused]
        _write(good, args.output)
    except (UsageError, InvalidSettingsError) as error:
        return _fail(str(error), 2)
    except BrokenPipeError:
        raise  # the reader has closed the pipe, as `head` does
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}", 2)
    return _tell(exported, len(good))


def _export(
    target: Target, live: ManifestSet, args: argparse.Namespace, settings: ToolSettings, now: datetime
) -> list[Exported]:
    """Read the server's syncs and turn them into manifests, oldest first."""
    progress = Progress(sys.stderr)
    if target.login is not None:
        sys.stderr.write(LOGIN_NOTE.format(email=target.login[0]))
    try:
        workspace = read_workspace(target, settings, progress.update, whole=args.all)
        view = WorkspaceView(
            name=target.name, url=target.url, workspace_id=target.workspace_id, dialect=workspace.dialect
        )
        namespace = args.namespace if args.namespace != _DEFAULT_NAMESPACE else None
        claimed = registered_ids(live, target, SYNC_KIND)
        wanted = sorted((it for it in workspace.syncs.values() if it.id not in claimed), key=lambda it: int(it.id))
        names: dict[tuple[str, str], str] = {}
        exported = [*_pipeline(workspace, live, target, view, args.namespace, now, names)] if args.all else []
        for number, remote in enumerate(wanted, 1):
            progress.update(f"{number} of {len(wanted)} syncs")
            exported.append(export_sync(remote, view, namespace, now, names))
    finally:
        progress.done()
    return exported


def _pipeline(
    workspace: WorkspaceContent,
    live: ManifestSet,
    target: Target,
    view: WorkspaceView,
    namespace: str,
    now: datetime,
    names: dict[tuple[str, str], str],
) -> Iterator[Exported]:
    """The connectors and models that belong to no resource of the cluster, oldest first.

    ``names`` receives the names of what is exported, and of the resources in the namespace to which others belong.
    """
    owned = {kind: registered_ids(live, target, kind) for kind in (CONNECTOR_KIND, MODEL_KIND)}
    for kind, owners in owned.items():
        names |= {(kind, remote_id): name for remote_id, (home, name) in owners.items() if home == namespace}
    written = namespace if namespace != _DEFAULT_NAMESPACE else None
    for connector in sorted(workspace.connectors.values(), key=lambda it: int(it.id)):
        if connector.id not in owned[CONNECTOR_KIND]:
            exported = export_connector(connector, view, written, now)
            if not exported.refused:
                names[CONNECTOR_KIND, connector.id] = resource_name(connector)
            yield exported
    for model in sorted(workspace.models.values(), key=lambda it: int(it.id)):
        if model.id not in owned[MODEL_KIND]:
            exported = export_model(model, view, written, names, now)
            if not exported.refused:
                names[MODEL_KIND, model.id] = resource_name(model)
            yield exported


def target_of(
    args: argparse.Namespace, found: ManifestSet, judged: Judged, live: ManifestSet, settings: ToolSettings
) -> Target:
    """The server workspace that the arguments and the input lead to.

    Raises:
        UsageError: it cannot be determined, or there are no credentials.
    """
    home = _home(args, found)
    target = find_targets([home], judged, live, Secrets(found.of(SECRET_KIND)), settings)[home]
    if isinstance(target, str):
        raise UsageError(target)
    return target


def _home(args: argparse.Namespace, found: ManifestSet) -> Home:
    """Namespace and name of the Workspace: that of ``--workspace``, or the only one in the input."""
    workspaces = found.of(WORKSPACE_KIND)
    if args.workspace is None and len(workspaces) > 1:
        names = ", ".join(sorted(manifest.name for manifest in workspaces))
        raise UsageError(f"there are several Workspaces ({names}); name one of them with --workspace")
    fitting = [manifest for manifest in workspaces if args.workspace in {None, manifest.name}]
    if fitting:
        return fitting[0].namespace, fitting[0].name
    return args.namespace, args.workspace or WorkspaceRef().name


def _write(exported: Sequence[Exported], folder: Path | None) -> None:
    """Write all manifests to standard output, or a file per group; never overwrite a file that is not from `export`."""
    if folder is None:
        stream = in_utf8(sys.stdout)
        stream.write(_note(exported))
        stream.write("---\n".join(each.text for each in exported))
        return
    groups: dict[Path, list[Exported]] = {}
    for each in exported:
        groups.setdefault(folder / f"{each.group}.yaml", []).append(each)
    folder.mkdir(parents=True, exist_ok=True)
    for file in groups:
        if file.exists() and not file.read_text("utf-8", errors="replace").startswith(_HEADER):
            raise UsageError(f"{file}: was not written by export; move it away, or name another folder")
    for file, members in groups.items():
        file.write_text(_HEADER + _note(members) + "---\n".join(each.text for each in members), "utf-8")
    for file in sorted(folder.glob("*.yaml")):
        if file not in groups and file.read_text("utf-8", errors="replace").startswith(_HEADER):
            sys.stderr.write(f"{file}: was written by an earlier export, and nothing of it is left; delete it\n")


def _note(exported: Iterable[Exported]) -> str:
    """What applying connectors and models writes; empty if there are none."""
    return _ALL_HEADER if any(each.noun != _SYNC for each in exported) else ""


def _tell(exported: list[Exported], good: int) -> int:
    for each in exported:
        if each.refused:
            sys.stderr.write(
                f"{each.noun} {each.remote_id} is left out, because no manifest takes it over as it is: "
                f"{each.refused}\n"
            )
    left_out = f", {len(exported) - good} left out" if good < len(exported) else ""
    counts = Counter(each.noun for each in exported if not each.refused)
    told = [f"{counts[noun]} {noun}{'s' * (counts[noun] != 1)}" for noun in _NOUNS if counts[noun] or noun == _SYNC]
    sys.stderr.write(f"{', '.join(told)} exported{left_out}\n")
    return 1 if left_out else 0


def _fail(words: str, code: int) -> int:
    print_error("export", words)
    return code
