"""The command line: `sync-operator COMMAND`. Only the module of the chosen command is imported."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from sync_operator import __version__
from sync_operator.commands.process_exit import USAGE_ERROR, exit_code, prepare_process

__all__ = ["COMMANDS", "main"]

COMMANDS: Final = {
    "controller": (
        "sync_operator.controller.main",
        "watch Syncs and Workspaces and keep the server and CronJobs in step",
    ),
    "runner": (
        "sync_operator.runner.main",
        "run one sync and wait for its end (this is what the pod of a CronJob does)",
    ),
    "validate": (
        "sync_operator.commands.validate.validate_command",
        "check manifests offline, as the API server and the controller would",
    ),
    "plan": (
        "sync_operator.commands.plan.plan_command",
        "show what applying manifests would change on the server, without changing anything",
    ),
    "export": (
        "sync_operator.commands.export.export_command",
        "write manifests for the syncs that a server already has",
    ),
    "definitions": (
        "sync_operator.commands.definitions.definitions_command",
        "write what a server asks of the configuration of its connectors, for validate --definitions",
    ),
    "sandbox": ("sync_operator.sandbox.main", "serve the sync API from memory, for demos and tests"),
}
"""Command → its module, with ``add_arguments(parser)`` and ``main(args) -> exit code``, and a one-line help text."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: arguments after the program's name; those of the process when None.

    Returns:
        The exit code. Usage errors exit with 2, as argparse does.
    """
    if argv is None:
        prepare_process()
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(prog="sync-operator", description="Reverse-ETL syncs as Kubernetes resources.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    chosen = next((word for word in arguments if not word.startswith("-")), None)
    for name, (module, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        if name == chosen:
            loaded = import_module(module)
            loaded.add_arguments(command)
            command.set_defaults(run=loaded.main)
            command.set_defaults(refuse=command.error)
    if not arguments:
        parser.print_help(sys.stderr)
        return USAGE_ERROR
    args, unknown = parser.parse_known_args(arguments)
    if unknown:
        args.refuse(f"unrecognized arguments: {' '.join(unknown)}")
    return exit_code(lambda: args.run(args))
