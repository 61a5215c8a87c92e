"""How the process of a command ends: the exit codes of a closed pipe, Ctrl-C and SIGTERM."""

import signal
import sys
from collections.abc import Callable
from typing import Final

from sync_operator.commands.terminal import plain_characters

__all__ = ["INTERRUPTED", "USAGE_ERROR", "exit_code", "prepare_process"]

USAGE_ERROR: Final = 2
INTERRUPTED: Final = 130
_BROKEN_PIPE: Final = 141
_TERMINATED: Final = 143
"""Exit codes as shells report them: 128 + SIGINT, SIGPIPE and SIGTERM."""


def prepare_process() -> None:
    """Prepare a process that runs one command."""
    # Process 1 of a container ignores SIGTERM unless it has a handler, and importing a command's libraries takes a
    # second. Controller and runner replace this handler by their own.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    # Characters that the locale cannot encode, and file names that are not valid text, are printed as escapes.
    plain_characters(sys.stdout)


def exit_code(run: Callable[[], int]) -> int:
    """Run a command, and return its exit code."""
    try:
        code = run()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader closed the pipe, as `head` does
        sys.stdout = None  # so that Python does not flush it at exit, which would fail
        return _BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    return code
