"""`sync-operator definitions`: writes the connector definitions of a server to a file."""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sync_operator.commands.definitions.definitions_file import read_definitions_file
from sync_operator.commands.export.export_command import target_of
from sync_operator.commands.input_files import UsageError, read_sources
from sync_operator.commands.manifests.manifest_set import ManifestSet, load_manifests
from sync_operator.commands.plan.plan_command import show_problems
from sync_operator.commands.plan.planner import LOGIN_NOTE
from sync_operator.commands.server_access import read_definitions
from sync_operator.commands.terminal import Progress, in_utf8, print_error
from sync_operator.commands.validate.manifest_set_rules import judge_all
from sync_operator.commands.validate.validate_command import add_input_arguments
from sync_operator.errors import InvalidSettingsError, SyncOperatorError
from sync_operator.settings import ToolSettings
from sync_operator.syncapi.pipeline.definitions import CONNECTOR_TYPES, DefinitionSet

__all__ = ["add_arguments", "main"]

_EPILOG: Final = """\
It needs no cluster. FILE: manifests of the Workspace and its Secret. Without them the server is taken from the
environment. The definitions change with the server's release only; write them anew after an update of the server.

environment:
  SYNC_API_TOKEN         token, sent to the server of SYNC_API_URL only, or to the only one in FILE
  SYNC_API_URL, SYNC_API_WORKSPACE_ID, SYNC_API_DIALECT, SYNC_API_CA_FILE
                         the server, when its Workspace is not in FILE
  SYNC_OPERATOR_ALLOWED_HOSTS, SYNC_OPERATOR_ALLOW_INSECURE_HOSTS, SYNC_OPERATOR_ALLOW_INTERNAL_HOSTS,
  SYNC_OPERATOR_CLUSTER_NETWORKS, SYNC_OPERATOR_POD_IPS, HTTP_PROXY, HTTPS_PROXY, NO_PROXY
                         as for the controller
  NO_COLOR               any value turns colours off

exit codes:
  0  the definitions were written
  1  the server gave none
  2  the command was used wrongly, or a file cannot be read or written

examples:
  sync-operator definitions workspace.yaml secret.yaml --output definitions.json
  sync-operator validate --definitions definitions.json pipeline/
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_input_arguments(parser, nargs="*")
    parser.epilog = _EPILOG
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="the file (default: standard output)")
    parser.add_argument("--workspace", metavar="NAME", help="the Workspace of the server (default: the one in FILE)")


def main(args: argparse.Namespace) -> int:
    """Run `definitions` and return its exit code."""
    try:
        if args.output is not None and args.output.exists():
            read_definitions_file(args.output)  # a file that holds something else is not overwritten
        settings = ToolSettings.from_environment()
        found = load_manifests(read_sources(args.files, sys.stdin.buffer), args.namespace)
        judged = judge_all(found, datetime.now(UTC))
        if not judged.valid:
            show_problems(judged, settings, "definitions")
            return 1
        target = target_of(args, found, judged, ManifestSet(), settings)
        if target.login is not None:
            sys.stderr.write(LOGIN_NOTE.format(email=target.login[0]))
        progress = Progress(sys.stderr)
        try:
            definitions = read_definitions(target, settings, progress.update)
        except SyncOperatorError as error:
            return _fail(target.describe_error(error), 1)
        finally:
            progress.done()
        _write(definitions, args.output)
    except (UsageError, InvalidSettingsError) as error:
        return _fail(str(error), 2)
    except BrokenPipeError:
        raise  # the reader has closed the pipe, as `head` does
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}", 2)
    counts = " and ".join(f"{len(definitions.of(kind))} of {kind}s" for kind in CONNECTOR_TYPES)
    sys.stderr.write(f"definitions written: {counts}\n")
    return 0


def _write(definitions: DefinitionSet, file: Path | None) -> None:
    text = json.dumps(definitions.as_json(), ensure_ascii=False, indent=1) + "\n"
    if file is None:
        in_utf8(sys.stdout).write(text)
    else:
        file.write_text(text, "utf-8")


def _fail(words: str, code: int) -> int:
    print_error("definitions", words)
    return code
