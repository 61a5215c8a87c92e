"""`kubectl sync status`: what is wrong, since when, why, and what to do, on one screen."""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, Final

from sync_operator.commands.kubectl.cluster.cluster_client import CONNECTORS, MODELS, SYNCS, WORKSPACES, is_outage
from sync_operator.commands.kubectl.output_formats import add_output_argument, write_data, write_names
from sync_operator.commands.kubectl.selection import Selection, add_selection_arguments, selected
from sync_operator.commands.kubectl.session import Session
from sync_operator.commands.kubectl.views.object_details import details, details_data
from sync_operator.commands.kubectl.views.problem_groups import ObjectId, Problem, ProblemGroups
from sync_operator.commands.kubectl.views.resource_view import ResourceView, age
from sync_operator.commands.kubectl.views.run_words import rows_of, verdict_of
from sync_operator.commands.terminal import fitted_table, wrapped
from sync_operator.errors import InvalidSpecError, KubernetesError

__all__ = ["add_arguments", "main"]

_KINDS: Final = (SYNCS, WORKSPACES, CONNECTORS, MODELS)
_MAX_NAMES: Final = 6
_MAX_ROWS: Final = 20
_WATCH_SECONDS: Final = 2.0
_CLEAR: Final = "\x1b[H\x1b[2J"
"""Cursor to the top left, and an empty screen."""
_EPILOG: Final = """\
Without names it shows every problem, grouped by cause (a Workspace that is down is one problem, with the number of the
Syncs that wait for it), and then the Syncs. With names it shows each object in full.

exit codes:
  0  the status was shown, whatever it is
  2  the command was used wrongly, an object does not exist, or the cluster does not show it to you
  3  the API server cannot be reached

examples:
  kubectl sync status
  kubectl sync status orders workspace/default
  kubectl sync status -A --unhealthy --watch
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    add_selection_arguments(parser)
    parser.add_argument("--unhealthy", action="store_true", help="problems only")
    parser.add_argument("-w", "--watch", action="store_true", help="show it again every two seconds, until Ctrl-C")
    add_output_argument(parser)
    parser.epilog = _EPILOG


def main(args: argparse.Namespace, session: Session) -> int:
    """Run `status`."""
    if args.names and args.unhealthy:
        raise InvalidSpecError("--unhealthy", "it is for all objects: leave out the names")
    if args.watch and (args.output != "table" or session.style.width is None):
        raise InvalidSpecError("--watch", "it is for a terminal, and for no other format than the table")
    namespace = None if args.all_namespaces else session.namespace
    selection = Selection(tuple(args.names), namespace, args.selector)
    if args.output == "table":
        _show(args, session, selection)
    elif args.names:
        _write_named(args.output, list(selected(session.client, selection, _KINDS)))
    else:
        _write_overview(args.output, _overview(session, selection))
    return 0


def _show(args: argparse.Namespace, session: Session, selection: Selection) -> None:
    """Print it for people, again and again with ``--watch``."""
    while True:
        try:
            lines = list(_lines(args, session, selection))
        except KubernetesError as error:
            if not args.watch or not is_outage(error):
                raise
            lines = [str(error)]
        sys.stdout.write("".join(f"{line}\n" for line in ([_CLEAR, *lines] if args.watch else lines)))
        sys.stdout.flush()
        if not args.watch:
            return
        session.sleep(_WATCH_SECONDS)


def _lines(args: argparse.Namespace, session: Session, selection: Selection) -> Iterator[str]:
    if not selection.names:
        yield from _as_text(_overview(session, selection), session, unhealthy=args.unhealthy)
        return
    for index, view in enumerate(list(selected(session.client, selection, _KINDS))):
        yield from [""] if index else []
        yield from details(view, session)


def _write_named(output: str, views: list[ResourceView]) -> None:
    if output == "name":
        write_names(views)
    else:
        write_data({"version": 1, "objects": [details_data(view) for view in views]}, output)


def _write_overview(output: str, overview: "_Overview") -> None:
    if output != "name":
        write_data(_as_data(overview), output)
        return
    for problem in overview.problems:
        for kind, _, name in problem.affected or ([problem.cause] if problem.cause else []):
            sys.stdout.write(f"{kind.lower()}.squared.ai/{name}\n")


@dataclass(frozen=True, slots=True)
class _Row:
    """A Sync in the table."""

    namespace: str
    name: str
    state: str
    last: str
    rows: str
    ended: str
    next: str


@dataclass(frozen=True, slots=True)
class _Overview:
    """What was found.

    Attributes:
        where: the namespace, None for all.
        counts: objects by kind.
        rows: the first Syncs.
    """

    where: str | None
    counts: dict[str, int]
    suspended: int
    problems: list[Problem]
    rows: list[_Row]


def _overview(session: Session, selection: Selection) -> _Overview:
    """Read everything page by page, and keep what is wrong."""
    now = session.clock()
    groups = ProblemGroups(now)
    rows: list[_Row] = []
    for kind in _KINDS:
        # A selector means Syncs; what they refer to is read to find the causes.
        labels = selection.labels if kind is SYNCS else ""
        for view in selected(session.client, Selection((), selection.namespace, labels), (kind,)):
            wrong = groups.add(view)
            if kind is SYNCS and len(rows) < _MAX_ROWS:
                rows.append(_row(view, wrong=wrong, now=now))
    problems = groups.problems()
    if selection.labels:
        problems = [problem for problem in problems if any(kind == SYNCS.kind for kind, _, _ in problem.affected)]
    return _Overview(selection.namespace, groups.counts, groups.suspended, problems, rows)


def _row(view: ResourceView, *, wrong: bool, now: datetime) -> _Row:
    ready = view.conditions.get("Ready")
    if wrong:
        state = next((fault.reason for fault in view.faults), "not seen")
    elif view.suspended:
        state = "suspended"
    else:
        state = "ok" if ready is not None and ready.status == "True" else "waiting"
    run, following = view.last_run, view.next_run
    ended = ResourceView({"metadata": {"creationTimestamp": run.get("finishedAt")}}).created
    return _Row(
        view.namespace,
        view.name,
        state,
        verdict_of(run) if run else "none",
        rows_of(run),
        f"{age(now - ended)} ago" if ended is not None else "",
        f"in {age(following - now)}" if following is not None else "",
    )


def _as_text(overview: _Overview, session: Session, *, unhealthy: bool) -> Iterator[str]:
    style, now = session.style, session.clock()
    everywhere = overview.where is None
    where = "all namespaces" if everywhere else f"namespace {overview.where!r}"
    syncs = overview.counts.get(SYNCS.kind, 0)
    kinds = ", ".join(f"{count} {kind}{'s' * (count != 1)}" for kind, count in overview.counts.items())
    if not overview.counts:
        yield f"nothing of this operator in {where}"
        return
    wrong = len(overview.problems)
    headline = f"{wrong} problem{'s' * (wrong != 1)} in {where}" if wrong else f"no problems in {where}"
    yield style.red(headline) if wrong else style.green(headline)
    yield style.faint(f"{kinds}{f'; {overview.suspended} suspended' if overview.suspended else ''}")
    for problem in overview.problems:
        yield ""
        yield from _problem(problem, session, now, everywhere=everywhere)
    if unhealthy or not overview.rows:
        return
    yield ""
    head = ("NAMESPACE", "NAME", "STATE", "LAST RUN", "ROWS", "ENDED", "NEXT")
    table = [
        (row.namespace, row.name, row.state, row.last, row.rows, row.ended, row.next)[not everywhere :]
        for row in overview.rows
    ]
    yield from fitted_table(head[not everywhere :], table, style)
    if syncs > len(overview.rows):
        yield style.faint(f"and {syncs - len(overview.rows)} more: kubectl get syncs{' -A' if everywhere else ''}")


def _problem(problem: Problem, session: Session, now: datetime, *, everywhere: bool) -> Iterator[str]:
    style = session.style
    kinds: dict[str, list[ObjectId]] = {}
    for identity in problem.affected:
        kinds.setdefault(identity[0], []).append(identity)
    since = f" for {age(now - problem.since)}" if problem.since is not None else ""
    subject = problem.cause or problem.affected[0]
    title = f"{subject[0]} {_name(subject, everywhere=everywhere)}"
    if problem.cause is None and len(problem.affected) > 1:
        title = f"{len(problem.affected)} {subject[0]}s"
    yield f"{style.bold(title)}: {style.red(problem.reason)}{since}"
    yield wrapped(f"  {problem.message}", style, indent="  ")
    for kind, listed in kinds.items():
        if problem.cause is None and len(listed) == 1:
            continue
        names = ", ".join(_name(identity, everywhere=everywhere) for identity in listed[:_MAX_NAMES])
        more = f" and {len(listed) - _MAX_NAMES} more" if len(listed) > _MAX_NAMES else ""
        head = f"waiting: {len(listed)} {kind}{'s' * (len(listed) != 1)}: " if problem.cause else ""
        yield wrapped(f"  {head}{names}{more}", style, indent="    ")
    place = f" -n {subject[1]}" if everywhere else session.options
    yield style.faint(f"  more: kubectl sync status {_argument(problem.example)}{place}")


def _argument(identity: ObjectId) -> str:
    kind, _, name = identity
    return name if kind == SYNCS.kind else f"{kind.lower()}/{name}"


def _name(identity: ObjectId, *, everywhere: bool) -> str:
    return f"{identity[1]}/{identity[2]}" if everywhere else identity[2]


def _as_data(overview: _Overview) -> dict[str, Any]:
    return {
        "version": 1,
        "namespace": overview.where,
        "counts": {kind: overview.counts.get(kind, 0) for kind in (each.kind for each in _KINDS)},
        "suspended": overview.suspended,
        "problems": [
            {
                "reason": problem.reason,
                "since": problem.since.strftime("%Y-%m-%dT%H:%M:%SZ") if problem.since else None,
                "message": problem.message,
                "cause": _identity(problem.cause) if problem.cause else None,
                "affected": [_identity(identity) for identity in problem.affected],
            }
            for problem in overview.problems
        ],
    }


def _identity(identity: ObjectId) -> dict[str, str]:
    return dict(zip(("kind", "namespace", "name"), chain(identity), strict=True))
