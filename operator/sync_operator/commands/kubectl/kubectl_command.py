"""The command line of the plugin: `kubectl sync VERB`. Only the module of the chosen verb is imported."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Final

from sync_operator import __version__
from sync_operator.commands.process_exit import USAGE_ERROR, exit_code, prepare_process
from sync_operator.commands.terminal import print_error, style_of
from sync_operator.errors import KubernetesError, SyncOperatorError
from sync_operator.settings import colour_allowed, kubeconfig_files

__all__ = ["PROGRAM", "VERBS", "add_cluster_arguments", "main", "verb_parser"]

PROGRAM: Final = "kubectl sync"
VERBS: Final = {
    "status": ("status_verb", "show what is wrong, since when, why, and what to do"),
    "run": ("run_verb", "run Syncs now, and wait for the result"),
    "runs": ("runs_verb", "show the last runs of a Sync, with rows and reasons"),
    "logs": ("logs_verb", "print the log of a run"),
    "tree": ("tree_verb", "show what belongs to each Workspace, and what waits for what"),
    "suspend": ("suspend_verb", "stop the schedule of Syncs, or the operator's requests to a Workspace"),
    "resume": ("resume_verb", "undo suspend; what was missed meanwhile is not made up for"),
    "discover": ("discover_verb", "have the catalogs of Connectors made anew"),
}
"""Verb → its module in `verbs`, with ``add_arguments(parser)`` and ``main(args, session) -> exit code``, and a help
text."""

_UNREACHABLE: Final = 3
_NOT_INSTALLED: Final = "it takes the official Kubernetes client: pip install 'sync-operator[kubectl]'"
_CLUSTER_OPTIONS: Final = ("kubeconfig", "context", "namespace")
_EPILOG: Final = """\
Each verb has its own --help. It reads the kubeconfig that kubectl reads, and has the rights of whoever calls it.

environment:
  KUBECONFIG             as for kubectl
  NO_COLOR               any value turns colours off
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        argv: arguments after the program's name; those of the process when None.

    Returns:
        The exit code. Usage errors exit with 2, as argparse does.
    """
    if argv is None:
        prepare_process()
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _parser(arguments)
    if not arguments:
        parser.print_help(sys.stderr)
        return USAGE_ERROR
    return exit_code(partial(_run, parser.parse_args(arguments)))


def verb_parser(verb: str) -> argparse.ArgumentParser:
    """The parser of one verb, with its own options alone."""
    parser = argparse.ArgumentParser(prog=f"{PROGRAM} {verb}", formatter_class=argparse.RawDescriptionHelpFormatter)
    import_module(f"sync_operator.commands.kubectl.verbs.{VERBS[verb][0]}").add_arguments(parser)
    return parser


def add_cluster_arguments(parser: argparse.ArgumentParser, *, default: object = None) -> None:
    """Add the options that every verb has."""
    options = parser.add_argument_group("cluster")
    options.add_argument("-n", "--namespace", default=default, help="namespace (default: that of the context)")
    options.add_argument("--context", default=default, help="context of the kubeconfig (default: the current one)")
    options.add_argument("--kubeconfig", metavar="FILE", default=default, help="kubeconfig (default: that of kubectl)")


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Run, watch and pause reverse-ETL syncs, and see what is wrong with them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"kubectl-sync {__version__}")
    add_cluster_arguments(parser)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, (module, summary) in VERBS.items():
        verb = verbs.add_parser(
            name, help=summary, description=summary, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if name in arguments:
            loaded = import_module(f"sync_operator.commands.kubectl.verbs.{module}")
            loaded.add_arguments(verb)
            # Both `kubectl sync -n shop status` and `kubectl sync status -n shop` are typed.
            add_cluster_arguments(verb, default=argparse.SUPPRESS)
            verb.set_defaults(verb_main=loaded.main)
    return parser


def _run(args: argparse.Namespace) -> int:
    from sync_operator.commands.kubectl.cluster.cluster_client import UNREACHABLE, ClusterClient  # noqa: PLC0415 (not for --help)
    from sync_operator.commands.kubectl.cluster.kubeconfig_access import load_access  # noqa: PLC0415
    from sync_operator.commands.kubectl.session import Session  # noqa: PLC0415

    files = (Path(args.kubeconfig).expanduser(),) if args.kubeconfig else kubeconfig_files()
    try:
        client = ClusterClient(partial(load_access, files, args.context))
        session = Session(
            client,
            args.namespace or client.access.namespace,
            style_of(sys.stdout, colour=colour_allowed()),
            "".join(f" --{name} {shlex.quote(value)}" for name in _CLUSTER_OPTIONS if (value := getattr(args, name))),
        )
        code: int = args.verb_main(args, session)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in {"kubernetes", "urllib3"}:
            raise
        return _fail(args.verb, _NOT_INSTALLED, USAGE_ERROR)
    except KubernetesError as error:
        return _fail(args.verb, error, _UNREACHABLE if error.reason == UNREACHABLE else USAGE_ERROR)
    except SyncOperatorError as error:
        return _fail(args.verb, error, USAGE_ERROR)
    return code


def _fail(verb: str, words: object, code: int) -> int:
    print_error(verb, words, program=PROGRAM)
    return code
