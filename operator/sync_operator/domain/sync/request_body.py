"""The body of a create or update: the spec as API fields, in the server's dialect."""

from collections.abc import Mapping
from typing import Any

from sync_operator.api.kinds.sync import IntervalUnit, Scheduler, ScheduleType, SyncMode, SyncSpec
from sync_operator.domain.registration.json_pointer import with_secrets
from sync_operator.errors import InvalidSpecError
from sync_operator.syncapi.types import Dialect

__all__ = ["check_dialect", "request_body", "sent_schedule_type"]


def request_body(
    spec: SyncSpec, ids: Mapping[str, int], dialect: Dialect, secrets: Mapping[str, str]
) -> dict[str, Any]:
    """The value of ``sync`` in a request: every mirrored field that the spec sets, by its API name.

    Args:
        spec: a valid spec.
        ids: ids of source, destination and model.
        dialect: the server's dialect.
        secrets: JSON pointer into ``configuration`` → value from a Secret.

    Raises:
        InvalidSpecError: the dialect does not support the spec, or a pointer does not resolve.
    """
    check_dialect(spec, dialect)
    fields: dict[str, Any] = {
        **ids,
        "schedule_type": sent_schedule_type(spec, dialect),
        "configuration": with_secrets(spec.configuration, secrets),
        "stream_name": spec.stream_name,
        "sync_mode": spec.sync_mode.value,
        "sync_interval": spec.sync_interval,
        "sync_interval_unit": spec.sync_interval_unit.value if spec.sync_interval_unit else None,
        "cron_expression": spec.cron_expression,
        "cursor_field": spec.cursor_field,
    }
    return {name: value for name, value in fields.items() if value is not None}


def sent_schedule_type(spec: SyncSpec, dialect: Dialect) -> str:
    """The ``schedule_type`` that is sent.

    With scheduler CronJob, a sync is `manual` on a Multiwoven server: only manual syncs can be triggered, and the
    server never runs them by itself. The documented dialect has only `automated`.
    """
    if dialect is Dialect.DOCUMENTED:
        return ScheduleType.AUTOMATED.value
    if spec.scheduler is Scheduler.CRON_JOB:
        return ScheduleType.MANUAL.value
    if spec.schedule_type is ScheduleType.AUTOMATED:
        chosen = ScheduleType.CRON_EXPRESSION if spec.cron_expression else ScheduleType.INTERVAL
        return chosen.value
    return spec.schedule_type.value


def check_dialect(spec: SyncSpec, dialect: Dialect) -> None:
    """Reject a spec that the server's dialect does not support.

    Raises:
        InvalidSpecError: the spec is not supported; names the field and a value that is.
    """
    if dialect is Dialect.MULTIWOVEN:
        if not spec.configuration:
            raise InvalidSpecError("spec.configuration", "is empty, which this server refuses; map at least one column")
        return
    if spec.scheduler is Scheduler.SERVER and spec.suspend:
        raise InvalidSpecError(
            "spec.suspend",
            "cannot be done with scheduler 'Server' on a server of the documented dialect, which knows no disabling; "
            "use scheduler 'CronJob', or remove suspend",
        )
    if spec.schedule_type is not ScheduleType.AUTOMATED:
        raise InvalidSpecError(
            "spec.scheduleType",
            f"{spec.schedule_type.value!r} is unknown to a server of the documented dialect; use 'automated'",
        )
    if spec.sync_mode is not SyncMode.FULL_REFRESH:
        raise InvalidSpecError(
            "spec.syncMode",
            f"{spec.sync_mode.value!r} is unknown to a server of the documented dialect; use 'full_refresh'",
        )
    if spec.sync_interval_unit not in {None, IntervalUnit.MINUTES}:
        raise InvalidSpecError(
            "spec.syncIntervalUnit",
            f"{spec.sync_interval_unit} is unknown to a server of the documented dialect; write it in minutes",
        )
