"""Checks one Sync: its spec, its schedule and its next runs."""

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import Final

from sync_operator.api.kinds.sync import Scheduler, SyncSpec
from sync_operator.api.validation.warning_rules import spec_warnings
from sync_operator.commands.diagnostics import Diagnostic, Severity
from sync_operator.commands.manifests.manifest_set import Manifest
from sync_operator.commands.validate.checks.dst_warnings import dst_warnings
from sync_operator.commands.validate.checks.object_checks import (
    Checked,
    invalid,
    pointer_problems,
    read_object,
    warnings_about,
)
from sync_operator.domain.scheduling.pod_settings import pod_refusal
from sync_operator.domain.sync.request_body import check_dialect
from sync_operator.errors import InvalidSpecError
from sync_operator.schedule.effective_schedule import Schedule, effective_schedule, next_runs
from sync_operator.schedule.freshness_warnings import freshness_warnings
from sync_operator.settings import RunPodRules
from sync_operator.syncapi.types import Dialect

__all__ = ["MAX_RUNS", "check_sync"]

MAX_RUNS: Final = 5
"""Maximum number of next runs of a Sync in the output."""


def check_sync(
    manifest: Manifest,
    dialect: Dialect | None,
    now: datetime,
    pods: RunPodRules | None = None,
    *,
    max_runs: int = MAX_RUNS,
) -> Checked[SyncSpec]:
    """Check a Sync.

    Args:
        manifest: the Sync.
        dialect: dialect of its server, if its Workspace is known and names one.
        now: time from which next runs are computed (aware).
        pods: the operator's rules for run pods; if None, settings that they may refuse get a warning.
        max_runs: maximum number of next runs to compute; at least 1.
    """
    spec, problems, is_read = read_object(manifest, SyncSpec)
    if spec is None or not is_read:
        return Checked(manifest, tuple(problems), spec)
    schedule, refused = _schedule(manifest, spec)
    problems += chain(refused, _configuration_problems(manifest, spec, dialect), _pod_problems(manifest, spec, pods))
    problems += warnings_about(manifest, spec_warnings(spec))
    if schedule is None:
        return Checked(manifest, tuple(problems), spec)
    runs = _next_runs(schedule, now, max_runs)
    problems += warnings_about(manifest, freshness_warnings(spec, schedule))
    problems += _warnings(manifest, schedule, now, fires=bool(runs))
    return Checked(
        manifest,
        tuple(problems),
        spec,
        schedule,
        () if spec.suspend else runs,
        by_server=spec.scheduler is Scheduler.SERVER,
        suspended=(spec.suspend_reason or "") if spec.suspend else None,
    )


@lru_cache(maxsize=4096)
def _next_runs(schedule: Schedule, now: datetime, count: int) -> tuple[datetime, ...]:
    return next_runs(schedule, now, anchor=None, count=count)


def _pod_problems(manifest: Manifest, spec: SyncSpec, pods: RunPodRules | None) -> Iterator[Diagnostic]:
    if "run" not in spec.model_fields_set:
        return
    refused = pod_refusal(spec.run.pod, pods or RunPodRules())
    if refused is not None:
        yield invalid(manifest, refused, Severity.WARNING if pods is None else Severity.ERROR)


def _schedule(manifest: Manifest, spec: SyncSpec) -> tuple[Schedule | None, list[Diagnostic]]:
    try:
        return effective_schedule(spec, manifest.namespace, manifest.name), []
    except InvalidSpecError as error:
        return None, [invalid(manifest, error)]


def _configuration_problems(manifest: Manifest, spec: SyncSpec, dialect: Dialect | None) -> Iterator[Diagnostic]:
    """Problems that would stall a Sync which the API server accepts: limits of the dialect, invalid JSON pointers."""
    yield from pointer_problems(manifest, spec.configuration, (entry.pointer for entry in spec.configuration_secrets))
    try:
        check_dialect(spec, dialect or Dialect.MULTIWOVEN)
    except InvalidSpecError as error:
        yield invalid(manifest, error, Severity.ERROR if dialect else Severity.WARNING)


def _warnings(manifest: Manifest, schedule: Schedule, now: datetime, *, fires: bool) -> Iterator[Diagnostic]:
    path = ("spec", "cronExpression")
    if schedule.warning:
        field = "timeZone" if schedule.written_by_user else "syncInterval"
        words = schedule.warning.removeprefix(f"spec.{field} ")
        yield manifest.problem(("spec", field), words, severity=Severity.WARNING)
    if schedule.written_by_user:
        if not fires:
            yield manifest.problem(path, "never fires; check day and month", severity=Severity.WARNING)
        for words in dst_warnings(schedule, now):
            yield manifest.problem(path, words, severity=Severity.WARNING)
