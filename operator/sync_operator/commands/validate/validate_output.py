"""Output of `validate`: as text, as JSON, and as annotations of a CI run."""

import json
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from sync_operator.api.base import rfc3339
from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND, SYNC_KIND, WORKSPACE_KIND
from sync_operator.api.crd.crd_manifests import KINDS
from sync_operator.api.kinds.sync import SyncSpec
from sync_operator.commands.diagnostics import Diagnostic, Severity, github_line, shown_problem
from sync_operator.commands.terminal import Style, wrapped
from sync_operator.commands.validate.checks.object_checks import Checked
from sync_operator.commands.validate.checks.sync_checks import MAX_RUNS
from sync_operator.commands.validate.manifest_set_rules import Judged
from sync_operator.schedule.timezones import load_zone

__all__ = ["SHOWN_RUNS", "as_github", "as_json", "as_text"]

_RUNS_IN_TEXT: Final = 3
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
SHOWN_RUNS: Final = {"text": _RUNS_IN_TEXT, "json": MAX_RUNS, "github": 1}
"""Number of next runs of a Sync that each form of output needs: at least one shows that it fires at all."""


def as_text(judged: Judged, style: Style) -> Iterator[str]:
    """The result as text: the problems with their lines, then the schedules, then the counts."""
    for problem in judged.problems:
        yield from shown_problem(problem, style)
        yield ""
    for checked in judged.syncs:
        if checked.valid:
            yield from _sync_text(checked, style)
    for connector in judged.connectors:
        if connector.valid:
            yield f"{style.bold(connector.manifest.subject)}  {style.green('valid')}"
    for model in judged.models:
        if model.valid:
            yield f"{style.bold(model.manifest.subject)}  {style.green('valid')}"
    for workspace in judged.workspaces:
        if workspace.valid and workspace.spec is not None:
            yield f"{style.bold(workspace.manifest.subject)}  {style.green('valid')}"
            yield f"  server    {workspace.spec.url}"
    yield _count(judged, style)


def as_json(judged: Judged) -> str:
    """The result as one JSON object; new releases only add fields to it."""
    result = {
        "valid": judged.valid,
        "problems": [_problem_json(problem) for problem in judged.problems],
        "objects": [_object_json(checked) for checked in judged.all],
        "passedOver": judged.passed_over,
    }
    return json.dumps(result, indent=2, ensure_ascii=False)


def as_github(judged: Judged) -> Iterator[str]:
    """The problems as annotations for GitHub Actions."""
    return map(github_line, judged.problems)


def _sync_text(checked: Checked[SyncSpec], style: Style) -> Iterator[str]:
    schedule = checked.schedule
    if schedule is None:
        return
    yield f"{style.bold(checked.manifest.subject)}  {style.green('valid')}"
    by_server = checked.by_server
    zone = f" in {schedule.time_zone}" if schedule.written_by_user or by_server else ""
    who = ", by the server's own scheduler" if by_server else ""
    yield f"  schedule  {schedule.expression or 'none, runs by request only'}{zone if schedule.expression else ''}{who}"
    if checked.suspended is not None:
        yield f"  next      none, because it is suspended{f' ({checked.suspended})' if checked.suspended else ''}"
    elif schedule.expression is not None:
        runs = _clocks(checked.runs[:_RUNS_IN_TEXT], schedule.time_zone)
        counted = ", counted from its last run" if schedule.expression.startswith("@every") else ""
        yield wrapped(f"  next      {runs or 'none: this line never fires'}{counted}", style, indent=" " * 12)


@lru_cache(maxsize=4096)
def _clocks(runs: tuple[datetime, ...], zone: str) -> str:
    rules = load_zone(zone)
    return ", ".join(_clock(run.astimezone(rules)) for run in runs)


def _clock(time: datetime) -> str:
    # strftime takes three times as long, and there are several times for each Sync.
    day, minute = _WEEKDAYS[time.weekday()], time.replace(tzinfo=None).isoformat(" ", "minutes")
    return f"{day} {minute} {time.tzname()}"


def _count(judged: Judged, style: Style) -> str:
    if not judged.all and judged.valid:
        *kinds, last = KINDS
        among = f"no {', '.join(kinds)} or {last} among {_passed(judged)}"
        return f"nothing to validate: {among if judged.passed_over else 'the input is empty'}"
    parts = []
    every: tuple[tuple[str, tuple[Checked[Any], ...]], ...] = (
        (SYNC_KIND, judged.syncs),
        (MODEL_KIND, judged.models),
        (CONNECTOR_KIND, judged.connectors),
        (WORKSPACE_KIND, judged.workspaces),
    )
    for kind, checked in every:
        bad = sum(not entry.valid for entry in checked)
        if checked:
            found = f"{len(checked)} {kind}{'s' * (len(checked) != 1)}"
            parts.append(f"{found}: {style.red(f'{bad} invalid') if bad else style.green('valid')}")
    unreadable = sum(problem.severity is Severity.ERROR for problem in judged.loose)
    if unreadable:
        parts.append(style.red(f"{unreadable} document{'s' * (unreadable != 1)} that cannot be used"))
    if judged.passed_over:
        parts.append(f"{_passed(judged)} passed over")
    return "; ".join(parts)


def _passed(judged: Judged) -> str:
    return f"{judged.passed_over} other document{'s' * (judged.passed_over != 1)}"


def _problem_json(problem: Diagnostic) -> dict[str, Any]:
    return {
        "file": problem.source.name,
        "line": problem.line,
        "column": problem.column,
        "severity": problem.severity.value,
        "object": problem.subject,
        "field": problem.field,
        "message": problem.message,
    }


def _object_json(checked: Checked[Any]) -> dict[str, Any]:
    manifest, schedule = checked.manifest, checked.schedule
    result: dict[str, Any] = {
        "kind": manifest.kind,
        "namespace": manifest.namespace,
        "name": manifest.name,
        "file": manifest.source.name,
        "line": manifest.line,
        "valid": checked.valid,
    }
    if schedule is not None:
        result["effectiveSchedule"] = schedule.expression
        result["timeZone"] = schedule.time_zone
        result["nextRuns"] = [rfc3339(run) for run in checked.runs]
    return result
