"""`sync-operator validate`: checks manifests offline, as the API server and the controller would."""

import argparse
import gc
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from sync_operator.commands.definitions.definitions_file import read_definitions_file
from sync_operator.commands.input_files import UsageError, read_with_errors
from sync_operator.commands.terminal import Progress, Style, in_utf8, print_error, style_of
from sync_operator.commands.validate.manifest_set_rules import Judged, judge_sources
from sync_operator.commands.validate.validate_output import SHOWN_RUNS, as_github, as_json, as_text
from sync_operator.errors import InvalidSettingsError
from sync_operator.settings import ToolSettings

__all__ = ["add_arguments", "add_input_arguments", "main", "moment"]

_EPILOG: Final = """\
It needs neither a cluster nor a sync server.

environment:
  SYNC_OPERATOR_RUN_POD_SERVICE_ACCOUNTS and the others of that beginning
                         as for the controller; without any, what it may refuse is a warning
  SYNC_OPERATOR_ALLOWED_HOSTS, SYNC_OPERATOR_ALLOW_INSECURE_HOSTS, SYNC_OPERATOR_ALLOW_INTERNAL_HOSTS,
  SYNC_OPERATOR_CLUSTER_NETWORKS, SYNC_OPERATOR_POD_IPS
                         as for the controller; what it may refuse of a Workspace's URL is a warning
  NO_COLOR               any value turns colours off

exit codes:
  0  all manifests are valid (warnings do no harm, unless --strict is given)
  1  at least one is not
  2  the command was used wrongly, or a file cannot be read

examples:
  sync-operator validate syncs/
  kustomize build overlays/prod | sync-operator validate -
  sync-operator validate --strict syncs/
  sync-operator validate -o github syncs/*.yaml
  sync-operator validate --definitions definitions.json pipeline/
"""


def add_input_arguments(parser: argparse.ArgumentParser, *, nargs: str = "+") -> None:
    """Add the options of all commands that read manifests."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs=nargs,
        help="YAML or JSON, a folder (searched for .yaml, .yml and .json), or - for standard input",
    )
    parser.add_argument(
        "-n",
        "--namespace",
        default="default",
        help="namespace of manifests that name none; it gives intervals their phase (default: %(default)s)",
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_input_arguments(parser)
    parser.epilog = _EPILOG
    parser.add_argument(
        "-o",
        "--output",
        choices=("text", "json", "github"),
        default="text",
        help="text for people, json for programs, github for annotations in GitHub Actions (default: %(default)s)",
    )
    parser.add_argument("--strict", action="store_true", help="exit with 1 on warnings too")
    parser.add_argument(
        "--from",
        dest="start",
        metavar="TIME",
        type=moment,
        help="count next runs from this time on, such as 2027-03-27T12:00:00Z (default: now)",
    )
    parser.add_argument(
        "--definitions",
        metavar="FILE",
        type=Path,
        help="what the server asks of Connectors, from `sync-operator definitions`: check them against it, too",
    )


def main(args: argparse.Namespace) -> int:
    """Run `validate` and return its exit code."""
    try:
        settings = ToolSettings.from_environment()
        style = style_of(sys.stdout, colour=settings.colour)
        definitions = read_definitions_file(args.definitions) if args.definitions else None
        sources = read_with_errors(args.files, sys.stdin.buffer)
    except (UsageError, InvalidSettingsError) as error:
        print_error("validate", error)
        return 2
    progress = Progress(sys.stderr)
    now = args.start or datetime.now(UTC)
    # There are no reference cycles to collect, and searching for them would take longer than the validation.
    gc.disable()
    tell, max_runs = partial(_tell, progress), SHOWN_RUNS[args.output]
    judged = judge_sources(sources, args.namespace, now, settings, tell, max_runs=max_runs, definitions=definitions)
    progress.done()
    stream = in_utf8(sys.stdout) if args.output == "json" else sys.stdout
    stream.writelines(f"{line}\n" for line in _lines(judged, args.output, style))
    if any(source.read_error for source in sources):
        return 2
    return 0 if judged.valid and not (args.strict and judged.problems) else 1


def _tell(progress: Progress, number: int) -> None:
    progress.update(f"{number} objects judged")


def moment(text: str) -> datetime:
    """A time from the command line.

    Raises:
        argparse.ArgumentTypeError: it cannot be parsed, or has no time zone.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time like 2026-01-02T03:04:05Z")
    return time


def _lines(judged: Judged, output: str, style: Style) -> Sequence[str]:
    match output:
        case "json":
            return [as_json(judged)]
        case "github":
            return list(as_github(judged))
        case _:
            return list(as_text(judged, style))
