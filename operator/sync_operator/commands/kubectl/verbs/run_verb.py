"""`kubectl sync run`: asks for runs, and with ``--wait`` ends as they end."""

import argparse
import sys
from datetime import datetime, timedelta
from http import HTTPStatus
from secrets import token_hex
from typing import Any, Final

from sync_operator.api.constants import HANDLED_RUN_REQUEST_ANNOTATION, RUN_REQUESTED_AT_ANNOTATION
from sync_operator.api.statuses.conditions import ConditionType
from sync_operator.commands.kubectl.cluster.cluster_client import SYNCS, WORKSPACES, is_outage
from sync_operator.commands.kubectl.output_formats import add_output_argument, as_name, write_data
from sync_operator.commands.kubectl.selection import Selection, add_selection_arguments, selected
from sync_operator.commands.kubectl.session import Session
from sync_operator.commands.kubectl.verbs.run_watch import CANNOT_RUN, RunResult, RunWatch
from sync_operator.commands.kubectl.views.resource_view import ResourceView, age
from sync_operator.commands.kubectl.views.run_words import duration_of, rows_of
from sync_operator.commands.process_exit import INTERRUPTED
from sync_operator.commands.terminal import Progress, fitted_table, wrapped
from sync_operator.errors import InvalidSpecError, KubernetesError, NotFoundError
from sync_operator.util.durations import format_duration, parse_duration

__all__ = ["TIMED_OUT", "add_arguments", "add_wait_arguments", "main"]

TIMED_OUT: Final = 124
"""Exit code when the time is over, as of the command ``timeout``."""
_LASTING: Final = timedelta(seconds=10)
"""How long a run is in a state before that is told in a line that stays."""
_EPILOG: Final = """\
A requested run begins after the request: one that is under way is waited for first, and never taken for the answer, so
the rows are as new as the request. It works while the Sync is suspended. Without --wait the command ends as soon as the
runs are asked for; with it, when all of them have ended. The runs go on if the command is interrupted. Of several
Syncs, the highest exit code of 0 to 4 counts.

exit codes:
  0    with --wait: all runs delivered their rows; else: all runs were asked for
  1    a run failed, or too many of its rows were refused
  2    a Sync cannot run, or does not exist; wrong usage; the cluster refuses the request
  3    a run could not reach the sync server; or the API server could not be reached at the start
  4    a run was canceled
  124  --timeout is over; the runs go on
  130  interrupted by Ctrl-C; the runs go on

examples:
  kubectl sync run orders customers --wait --timeout 1h -o json
  dbt build && kubectl sync run orders --wait
  kubectl sync run -l team=crm
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    add_selection_arguments(parser, everywhere=False)
    add_wait_arguments(parser, "the runs have ended")
    add_output_argument(parser)
    parser.epilog = _EPILOG


def add_wait_arguments(parser: argparse.ArgumentParser, until: str) -> None:
    """Add ``--wait`` and ``--timeout``."""
    parser.add_argument("--wait", action="store_true", help=f"wait until {until}")
    parser.add_argument("--timeout", type=_duration, metavar="DURATION", help="how long to wait, such as 1h30m")


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def main(args: argparse.Namespace, session: Session) -> int:
    """Run `run`."""
    if not args.names and not args.selector:
        raise InvalidSpecError("NAME", "say what is to run: names, or a label selector with -l")
    if args.timeout is not None and not args.wait:
        raise InvalidSpecError("--timeout", "it is for --wait")
    views = list(selected(session.client, Selection(tuple(args.names), session.namespace, args.selector)))
    if not views:
        raise NotFoundError(f"no Sync in namespace {session.namespace!r} has the labels {args.selector!r}")
    refused: dict[str, RunResult] = {}
    watches = []
    for view in views:
        why = _why_not(view, session)
        if why is not None:
            refused[view.name] = RunResult("not run", CANNOT_RUN, why)
            session.note(wrapped(f"{view.name}: cannot run: {why}", session.style, indent="  "))
            continue
        watches.append(_request(view, session))
        if args.output == "table":
            _note_request(view, session, wait=args.wait)
    if args.output == "name":
        sys.stdout.writelines(f"{as_name(view)}\n" for view in views if view.name not in refused)
    code = max((result.code for result in refused.values()), default=0)
    if args.wait:
        code = _wait(watches, session, args.timeout) or max(
            code, *(watch.result.code for watch in watches if watch.result), 0
        )
        if args.output == "table":
            sys.stdout.writelines(f"{line}\n" for line in _table(watches, session))
    if args.output in {"json", "yaml"}:
        write_data(_data(session.namespace, watches, refused, code), args.output)
    return code


def _why_not(view: ResourceView, session: Session) -> str | None:
    """Why a Sync cannot run; None if it can, or will be able to."""
    if "deletionTimestamp" in view.metadata:
        return "it is being deleted"
    if view.spec.get("scheduler") == "Server":
        return "spec.scheduler is Server: the server runs it by its own schedule, and never on request"
    stalled = view.conditions.get(ConditionType.STALLED)
    if view.is_current and stalled is not None and stalled.status == "True":
        return f"{stalled.reason}: {stalled.message}"
    try:
        workspace = ResourceView(session.client.get(WORKSPACES, view.namespace, view.workspace))
    except KubernetesError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return f"there is no Workspace {view.workspace!r} in namespace {view.namespace!r}"
    if workspace.suspended:
        command = f"kubectl sync resume workspace/{view.workspace}{session.options}"
        return f"Workspace {view.workspace!r} is suspended, so nobody would see how the run ends: {command}"
    return None


def _request(view: ResourceView, session: Session) -> RunWatch:
    """Ask for a run by a token that nobody has used before."""
    token = f"kubectl-sync-{session.clock():%Y-%m-%dT%H:%M:%SZ}-{token_hex(4)}"
    before = (
        view.annotations.get(RUN_REQUESTED_AT_ANNOTATION),
        view.annotations.get(HANDLED_RUN_REQUEST_ANNOTATION),
        view.status.get("lastHandledRunRequest"),
    )
    body = {"metadata": {"annotations": {RUN_REQUESTED_AT_ANNOTATION: token}}}
    asked = ResourceView(session.client.patch(SYNCS, view.namespace, view.name, body))
    return RunWatch(asked, token, frozenset(each for each in before if isinstance(each, str)), session.clock())


def _note_request(view: ResourceView, session: Session, *, wait: bool) -> None:
    ready = view.conditions.get(ConditionType.READY)
    why = f"; it waits: {ready.message}" if ready is not None and ready.status == "False" else ""
    words = f"{as_name(view)} run requested{why}"
    if wait:
        session.note(wrapped(words, session.style, indent="  "))
    else:
        sys.stdout.write(f"{wrapped(words, session.style, indent='  ')}\n")


def _wait(watches: list[RunWatch], session: Session, timeout: timedelta | None) -> int:
    """Look until all runs have ended; 0 then, or the exit code of what came between."""
    shown = _Shown(session, watches)
    lost = False
    try:
        while True:
            try:
                for watch in watches:
                    if watch.result is None:
                        watch.look(session.client, session.clock())
                lost = False
            except KubernetesError as error:
                if not is_outage(error):
                    raise
                if not lost:
                    shown.note(f"{error}; waiting for it, the runs go on")
                lost = True
            shown.update()
            left = [watch for watch in watches if watch.result is None]
            if not left:
                return 0
            if timeout is not None and session.clock() - shown.started >= timeout:
                shown.hand_over(f"not ended within {format_duration(timeout)}")
                return TIMED_OUT
            session.sleep(min(1.0 + 0.02 * len(left), 5.0))
    except KeyboardInterrupt:
        shown.hand_over("interrupted")
        return INTERRUPTED
    finally:
        shown.progress.done()


class _Shown:
    """What is told while runs are waited for: on a terminal what they do just now, elsewhere what lasts."""

    def __init__(self, session: Session, watches: list[RunWatch]) -> None:
        self.progress = Progress(sys.stderr)
        self.started = session.clock()
        self._session = session
        self._watches = watches
        self._states: dict[str, tuple[str, datetime | None]] = {
            watch.name: (watch.state, self.started) for watch in watches
        }

    def note(self, words: str) -> None:
        """A line that stays."""
        self.progress.done()
        self._session.note(wrapped(words, self._session.style, indent="  "))

    def update(self) -> None:
        """Tell what has changed."""
        now = self._session.clock()
        for watch in self._watches:
            before, since = self._states[watch.name]
            state = watch.state if watch.result is None else watch.result.verdict
            if state != before:
                self._states[watch.name] = state, now
                if watch.result is not None and len(self._watches) > 1:
                    self.note(f"{watch.name}: {state}")
            elif watch.result is None and since is not None and now - since >= _LASTING:
                self._states[watch.name] = state, None
                self.note(f"{watch.name}: {state}")
        running = [watch for watch in self._watches if watch.result is None]
        if running and sys.stderr.isatty():
            count = len(self._watches)
            ended = f"{count - len(running)} of {count} ended, " if count > 1 else ""
            detail = running[0].progress(self._session.client) if running[0].job is not None else ""
            self.progress.update(f"{ended}{age(now - self.started)}  {running[0].name}: {detail or running[0].state}")

    def hand_over(self, why: str) -> None:
        """Say how to follow the runs that go on."""
        for watch in self._watches:
            if watch.result is not None:
                continue
            if watch.job is not None:
                words = f"the run goes on: kubectl sync logs {watch.name} -f -n {watch.namespace}"
            else:
                words = f"{watch.state}; kubectl sync status {watch.name} -n {watch.namespace} tells more"
            self.note(f"{watch.name}: {why}; {words}")


def _table(watches: list[RunWatch], session: Session) -> list[str]:
    ended = [(watch, watch.result) for watch in watches if watch.result is not None]
    if not ended:
        return []
    rows = [
        (watch.name, result.verdict, str(result.run.get("id") or ""), rows_of(result.run),
         duration_of(result.run, session.clock()))
        for watch, result in ended
    ]  # fmt: skip
    lines = fitted_table(("NAME", "RESULT", "RUN", "ROWS", "TOOK"), rows, session.style)
    for watch, result in ended:
        if result.code:
            lines.append(wrapped(f"{watch.name}: {result.message}", session.style, indent="  "))
            lines += [f"  {reason}" for reason in result.reasons if reason not in result.message]
    return lines


def _data(namespace: str, watches: list[RunWatch], refused: dict[str, RunResult], code: int) -> dict[str, Any]:
    runs = [(watch.name, watch.token, watch.job, watch.result) for watch in watches]
    runs += [(name, None, None, result) for name, result in refused.items()]  # type: ignore[misc]
    return {
        "version": 1,
        "exitCode": code,
        "runs": [
            {
                "namespace": namespace,
                "name": name,
                "request": token,
                "job": job,
                "result": result.verdict if result is not None else None,
                "exitCode": result.code if result is not None else None,
                "message": result.message if result is not None else None,
                "run": {key: result.run.get(key) for key in ("id", "status", "startedAt", "finishedAt", "rows")}
                if result is not None and result.run
                else None,
                "reasons": list(result.reasons) if result is not None else [],
            }
            for name, token, job, result in runs
        ],
    }
