"""`kubectl sync resume`: the opposite of suspend."""

import argparse
from typing import Final

from sync_operator.commands.kubectl.session import Session
from sync_operator.commands.kubectl.verbs.suspend_verb import EXIT_CODES, add_shared_arguments, set_suspended

__all__ = ["add_arguments", "main"]

_EPILOG: Final = f"""\
The next run is at the next time of the schedule: a time that has passed is never made up for.

{EXIT_CODES}
examples:
  kubectl sync resume orders
  kubectl sync resume -l team=crm
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    add_shared_arguments(parser)
    parser.epilog = _EPILOG


def main(args: argparse.Namespace, session: Session) -> int:
    """Run `resume`."""
    return set_suspended(args, session, {"suspend": False, "suspendReason": None}, "resumed")
