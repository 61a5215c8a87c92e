"""`kubectl sync runs`: the last runs of a Sync, with their rows and the reasons of refused ones."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sync_operator.commands.kubectl.cluster.cluster_client import SYNCS
from sync_operator.commands.kubectl.output_formats import add_output_argument, write_data
from sync_operator.commands.kubectl.selection import named_object, resource_of
from sync_operator.commands.kubectl.session import Session
from sync_operator.commands.kubectl.views.resource_view import ResourceView, age, read_time
from sync_operator.commands.kubectl.views.run_words import duration_of, reasons_of, rows_of, verdict_of
from sync_operator.commands.terminal import fitted_table, wrapped
from sync_operator.util.bounds import one_line

__all__ = ["add_arguments", "main", "runs_of"]

_EPILOG: Final = """\
The operator keeps the last ten runs that have ended, whoever started them. A run that is under way comes first.

exit codes:
  0  the runs were shown
  2  the command was used wrongly, the Sync does not exist, or the cluster does not show it to you
  3  the API server cannot be reached

examples:
  kubectl sync runs orders
  kubectl sync runs orders -o json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.add_argument("name", metavar="NAME", help="name of the Sync")
    add_output_argument(parser)
    parser.epilog = _EPILOG


def main(args: argparse.Namespace, session: Session) -> int:
    """Run `runs`."""
    view = named_object(session.client, *_where(args, session))
    runs = runs_of(view)
    if args.output == "name":
        sys.stdout.writelines(f"{run['id']}\n" for run in runs if run.get("id"))
    elif args.output != "table":
        write_data({"version": 1, "namespace": view.namespace, "name": view.name, "runs": runs}, args.output)
    elif not runs:
        session.note(f"{view.name} has not run yet: kubectl sync run {view.name}{session.options}")
    else:
        sys.stdout.writelines(f"{line}\n" for line in _table(runs, session))
    return 0


def _where(args: argparse.Namespace, session: Session) -> tuple[Any, str, str]:
    resource, name = resource_of(args.name, (SYNCS,))
    return resource, session.namespace, name


def runs_of(view: ResourceView) -> list[dict[str, Any]]:
    """Its runs, the newest first, those under way included."""
    last = view.last_run
    under_way = [dict(last)] if last and not last.get("finishedAt") else []
    return [*under_way, *map(dict, view.recent_runs)]


def _table(runs: list[dict[str, Any]], session: Session) -> Iterator[str]:
    head = ("RUN", "TRIGGER", "RESULT", "STARTED", "TOOK", "ROWS", "REFUSED")
    yield from fitted_table(head, [_row(run, session) for run in runs], session.style)
    for run in runs:
        reasons = reasons_of(run)
        for reason in reasons:
            yield wrapped(f"run {_id(run)}: {reason}", session.style, indent="  ")


def _row(run: Mapping[str, Any], session: Session) -> tuple[str, ...]:
    started, rows = read_time(run.get("startedAt")), run.get("rows")
    refused = rows.get("failed") if isinstance(rows, dict) else None
    return (
        _id(run),
        one_line(str(run.get("trigger") or ""), 32),
        verdict_of(run),
        f"{age(session.clock() - started)} ago" if started is not None else "",
        duration_of(run, session.clock()),
        rows_of(run),
        "" if refused is None else str(refused),
    )


def _id(run: Mapping[str, Any]) -> str:
    return one_line(str(run.get("id") or "-"), 32)
