"""The command line: `sync-operator COMMAND`. Each command's module is imported only when it is asked for."""

import argparse
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from sync_operator import __version__
from sync_operator.tools.terminal import plain_characters

__all__ = ["main"]

_COMMANDS: Final = {
    "controller": (
        "sync_operator.handlers.main",
        "watch Syncs and Workspaces and keep the server and CronJobs in step",
    ),
    "runner": (
        "sync_operator.runner.main",
        "run one sync and follow it to its end (what a CronJob's pod does)",
    ),
    "validate": ("sync_operator.tools.validate", "judge manifests offline, as the API server and the controller would"),
    "plan": ("sync_operator.tools.plan", "tell what applying manifests would change on the server, and change nothing"),
    "export": ("sync_operator.tools.export", "write manifests of the syncs that a server has already"),
    "sandbox": ("sync_operator.sandbox.main", "serve the sync API from memory, for demos and tests"),
}
"""Command → module with ``add_arguments(parser)`` and ``main(args) -> exit code``, and one line of help."""

_MISUSED: Final = 2
_INTERRUPTED: Final = 130
_BROKEN_PIPE: Final = 141
_TERMINATED: Final = 143
"""What a shell makes of SIGINT, SIGPIPE and SIGTERM."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: words after the program's name; those of the process when None.

    Returns:
        The exit code. Usage errors exit with 2, as argparse does.
    """
    if argv is None:
        # The first process of a container ignores a SIGTERM that it has no handler for, and a command's libraries take
        # a second to be imported. Controller and runner put handlers of their own in the place of this one.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
        # A locale that cannot say a character, and a file's name that is no text, are told as escapes.
        plain_characters(sys.stdout)
    words = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(prog="sync-operator", description="Reverse-ETL syncs as Kubernetes resources.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    chosen = next((word for word in words if not word.startswith("-")), None)
    for name, (module, summary) in _COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        if name == chosen:
            loaded = import_module(module)
            loaded.add_arguments(command)
            command.set_defaults(run=loaded.main)
            command.set_defaults(refuse=command.error)
    if not words:
        parser.print_help(sys.stderr)
        return _MISUSED
    args, unknown = parser.parse_known_args(words)
    if unknown:
        args.refuse(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        code: int = args.run(args)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read it has seen enough, as `head` does
        sys.stdout = None  # nothing is to be flushed at the end
        return _BROKEN_PIPE
    except KeyboardInterrupt:
        return _INTERRUPTED
    return code
