"""`kubectl sync discover`: asks for new catalogs of Connectors, and with ``--wait`` shows what came."""

import argparse
import sys
from datetime import timedelta
from secrets import token_hex
from typing import Final

from sync_operator.api.constants import DISCOVER_REQUESTED_AT_ANNOTATION
from sync_operator.api.statuses.conditions import ConditionType
from sync_operator.commands.kubectl.cluster.cluster_client import CONNECTORS, is_outage
from sync_operator.commands.kubectl.output_formats import as_name
from sync_operator.commands.kubectl.selection import Selection, add_selection_arguments, selected
from sync_operator.commands.kubectl.session import Session
from sync_operator.commands.kubectl.verbs.run_verb import TIMED_OUT, add_wait_arguments
from sync_operator.commands.kubectl.views.resource_view import ResourceView
from sync_operator.commands.terminal import Progress, wrapped
from sync_operator.errors import InvalidSpecError, KubernetesError, NotFoundError
from sync_operator.util.bounds import one_line
from sync_operator.util.durations import format_duration

__all__ = ["add_arguments", "main"]

_MAX_STREAMS: Final = 20
_EPILOG: Final = """\
A new catalog is made only on request: the server deletes the old one first. Use it when a stream or a column is new at
the other end.

exit codes:
  0    asked for; with --wait: every catalog is there
  2    a Connector does not exist or cannot be asked; wrong usage; the cluster refuses the request
  3    the API server cannot be reached
  124  --timeout is over

examples:
  kubectl sync discover crm
  kubectl sync discover crm --wait --timeout 5m
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    add_selection_arguments(parser, metavar="CONNECTOR", everywhere=False)
    add_wait_arguments(parser, "the catalogs are there")
    parser.epilog = _EPILOG


def main(args: argparse.Namespace, session: Session) -> int:
    """Run `discover`."""
    if not args.names and not args.selector:
        raise InvalidSpecError("CONNECTOR", "say which: names, or a label selector with -l")
    if args.timeout is not None and not args.wait:
        raise InvalidSpecError("--timeout", "it is for --wait")
    views = list(
        selected(session.client, Selection(tuple(args.names), session.namespace, args.selector), (CONNECTORS,))
    )
    if not views:
        raise NotFoundError(f"no Connector in namespace {session.namespace!r} has the labels {args.selector!r}")
    code = 0
    token = f"kubectl-sync-{session.clock():%Y-%m-%dT%H:%M:%SZ}-{token_hex(4)}"
    for view in views:
        body = {"metadata": {"annotations": {DISCOVER_REQUESTED_AT_ANNOTATION: token}}}
        session.client.patch(CONNECTORS, view.namespace, view.name, body)
        sys.stdout.write(f"{as_name(view)} new catalog requested\n")
    for view in views if args.wait else ():
        code = max(code, _wait(view, token, session, args.timeout))
    return code


def _wait(view: ResourceView, token: str, session: Session, timeout: timedelta | None) -> int:
    progress, started = Progress(sys.stderr), session.clock()
    try:
        while True:
            try:
                now = ResourceView(session.client.get(CONNECTORS, view.namespace, view.name))
            except KubernetesError as error:
                if not is_outage(error):
                    raise
                progress.update(str(error))
            else:
                if now.status.get("lastHandledDiscoverRequest") == token:
                    progress.done()
                    _show(now, session)
                    return 0
                if now.is_current and now.is_true(ConditionType.STALLED):
                    raise InvalidSpecError(view.name, now.conditions[ConditionType.STALLED].message)
                progress.update(f"{view.name}: {_state(now)}")
                if timeout is not None and session.clock() - started >= timeout:
                    words = f"{view.name}: no catalog within {format_duration(timeout)}: {_state(now)}"
                    progress.done()
                    session.note(wrapped(words, session.style, indent="  "))
                    return TIMED_OUT
            session.sleep(1.0)
    finally:
        progress.done()


def _state(view: ResourceView) -> str:
    fault = next(iter(view.faults), None)
    return f"{fault.reason}: {fault.message}" if fault is not None else "waiting for the operator"


def _show(view: ResourceView, session: Session) -> None:
    listed = view.status.get("streams")
    names = [one_line(str(name), 256) for name in (listed if isinstance(listed, list) else ())]
    more = f" and {len(names) - _MAX_STREAMS} more" if len(names) > _MAX_STREAMS else ""
    count = view.status.get("streamCount", len(names))
    words = f"{view.name}: {count} streams: {', '.join(names[:_MAX_STREAMS])}{more}"
    sys.stdout.write(f"{wrapped(words, session.style, indent='  ')}\n")
