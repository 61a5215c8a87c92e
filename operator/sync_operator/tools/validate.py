"""`sync-operator validate`: judge manifests offline, as API server and controller would."""

import argparse
import gc
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

from sync_operator.errors import InvalidSettingsError
from sync_operator.settings import ToolSettings
from sync_operator.tools.checking import Judged, judge_sources
from sync_operator.tools.report import as_github, as_json, as_text
from sync_operator.tools.sources import UsageError, read_all
from sync_operator.tools.terminal import Progress, Style, complain, in_utf8, style_of

__all__ = ["add_arguments", "add_input_arguments", "main", "moment"]

_TOLD_EACH: Final = 500

_EPILOG: Final = """\
environment:
  SYNC_OPERATOR_RUN_POD_SERVICE_ACCOUNTS and the others of that beginning
                         as for the controller; without any, what it may refuse is a warning

exit codes:
  0  all manifests are valid (warnings do no harm, unless --strict is given)
  1  at least one is not
  2  the command was used wrongly, or a file cannot be read

examples:
  sync-operator validate syncs/
  kustomize build overlays/prod | sync-operator validate -
  sync-operator validate --strict syncs/
  sync-operator validate -o github syncs/*.yaml
"""


def add_input_arguments(parser: argparse.ArgumentParser, *, nargs: str = "+") -> None:
    """What all tools take that read manifests."""
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
    """Options of the command."""
    add_input_arguments(parser)
    parser.epilog = _EPILOG
    parser.add_argument("-o", "--output", choices=("text", "json", "github"), default="text")
    parser.add_argument("--strict", action="store_true", help="exit with 1 on warnings too")
    parser.add_argument(
        "--from",
        dest="start",
        metavar="TIME",
        type=moment,
        help="count next runs from this time on, such as 2027-03-27T12:00:00Z (default: now)",
    )


def main(args: argparse.Namespace) -> int:
    """Validate; returns the exit code."""
    try:
        settings = ToolSettings.from_environment()
        style = style_of(sys.stdout, colour=settings.colour)
        sources = read_all(args.files, sys.stdin.buffer)
    except (UsageError, InvalidSettingsError) as error:
        complain("validate", error)
        return 2
    progress = Progress(sys.stderr)
    now = args.start or datetime.now(UTC)
    # Nothing that is kept refers to itself: looking for it would take longer than judging.
    gc.disable()
    judged = judge_sources(sources, args.namespace, now, settings.run_pods, partial(_tell, progress))
    progress.done()
    stream = in_utf8(sys.stdout) if args.output == "json" else sys.stdout
    stream.writelines(f"{line}\n" for line in _lines(judged, args.output, style))
    if any(source.unread for source in sources):
        return 2
    return 0 if judged.valid and not (args.strict and judged.problems) else 1


def _tell(progress: Progress, number: int) -> None:
    if number % _TOLD_EACH == 0:
        progress.tell(f"{number} objects judged")


def moment(text: str) -> datetime:
    """A time on the command line.

    Raises:
        argparse.ArgumentTypeError: it is none, or has no time zone.
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
