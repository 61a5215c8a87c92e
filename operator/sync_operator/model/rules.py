"""Rules between fields: each once, as CEL for the API server and as a predicate for objects that predate the rule."""

from collections.abc import Callable
from operator import attrgetter
from typing import Final

from sync_operator.durations import DURATION_PATTERN
from sync_operator.model.cel import CelReason, CelRule, Rule
from sync_operator.model.cronform import CRON_FORM, CRON_HELP, EVERY_REFUSED, ZONE_REFUSED
from sync_operator.model.pod_rules import POD_RULES
from sync_operator.model.sync import ScheduleType, SyncSpec
from sync_operator.model.workspace import URL_FORM, URL_REFUSED, WorkspaceSpec

__all__ = [
    "SYNC_FORMS",
    "SYNC_RULES",
    "SYNC_TRANSITIONS",
    "WORKSPACE_FORMS",
    "WORKSPACE_RULES",
]


def _needs(given: str, other: str, remedy: str, holds: Callable[[SyncSpec], bool]) -> Rule[SyncSpec]:
    return Rule(
        at="spec",
        field=f"spec.{other}",
        cel=f"!has(self.{given}) || has(self.{other})",
        message=f"is missing, and {given} needs it; {remedy} or remove {given}",
        reason=CelReason.REQUIRED,
        holds=holds,
    )


def _one_of(thing: str) -> tuple[Rule[SyncSpec], Rule[SyncSpec]]:
    """By its id or by its name: exactly one of the two."""
    by_id, by_name = f"{thing}Id", f"{thing}Ref"
    both = attrgetter(f"{thing}_id", f"{thing}_ref")
    return (
        Rule(
            at="spec",
            field=f"spec.{by_id}",
            cel=f"has(self.{by_id}) || has(self.{by_name})",
            message=f"is missing; set it, or set {by_name}.name to the name that the server shows",
            reason=CelReason.REQUIRED,
            holds=lambda spec: both(spec) != (None, None),
        ),
        Rule(
            at="spec",
            field=f"spec.{by_name}",
            cel=f"!has(self.{by_id}) || !has(self.{by_name})",
            message=f"cannot stand beside {by_id}; remove one of the two",
            reason=CelReason.FORBIDDEN,
            holds=lambda spec: None in both(spec),
        ),
    )


_SCHEDULE: Final[tuple[Rule[SyncSpec], ...]] = (
    _needs(
        "syncInterval",
        "syncIntervalUnit",
        "set it to minutes, hours, days or weeks",
        lambda spec: spec.sync_interval is None or spec.sync_interval_unit is not None,
    ),
    _needs(
        "syncIntervalUnit",
        "syncInterval",
        "set it to a number",
        lambda spec: spec.sync_interval_unit is None or spec.sync_interval is not None,
    ),
    Rule(
        at="spec",
        field="spec.syncInterval",
        cel="self.scheduleType != 'interval' || has(self.syncInterval)",
        message="is missing, and scheduleType 'interval' needs it; set syncInterval and syncIntervalUnit",
        reason=CelReason.REQUIRED,
        holds=lambda spec: spec.schedule_type is not ScheduleType.INTERVAL or spec.sync_interval is not None,
    ),
    Rule(
        at="spec",
        field="spec.cronExpression",
        cel="self.scheduleType != 'cron_expression' || has(self.cronExpression)",
        message="is missing, and scheduleType 'cron_expression' needs it; set it to a cron line such as '0 6 * * *'",
        reason=CelReason.REQUIRED,
        holds=lambda spec: spec.schedule_type is not ScheduleType.CRON_EXPRESSION or spec.cron_expression is not None,
    ),
    Rule(
        at="spec",
        field="spec.scheduleType",
        cel="self.scheduleType != 'automated' || has(self.cronExpression) || has(self.syncInterval)",
        message="'automated' needs a schedule; set cronExpression, or syncInterval with its unit, or use 'manual'",
        holds=lambda spec: (
            spec.schedule_type is not ScheduleType.AUTOMATED
            or spec.cron_expression is not None
            or spec.sync_interval is not None
        ),
    ),
)

SYNC_RULES: Final = (*_one_of("source"), *_one_of("destination"), *_one_of("model"), *_SCHEDULE, *POD_RULES)
"""What a Sync's spec must be, beyond its single fields."""

SYNC_FORMS: Final = (
    CelRule("spec.cronExpression", "spec.cronExpression", "!self.startsWith('@every')", EVERY_REFUSED),
    CelRule("spec.cronExpression", "spec.cronExpression", "!self.contains('TZ')", ZONE_REFUSED),
    CelRule(
        "spec.cronExpression",
        "spec.cronExpression",
        f"self.startsWith('@every') || self.contains('TZ') || self.matches(r'{CRON_FORM}')",
        f"is no cron line that Kubernetes takes; {CRON_HELP}",
    ),
    *(
        CelRule(
            field,
            field,
            f"self.matches(r'{DURATION_PATTERN}') && duration(self) > duration('0s')",
            "is no duration longer than zero; write it like 1h30m, 45m or 90s",
        )
        for field in ("spec.run.timeout", "spec.run.startTimeout", "spec.freshness.maxAge")
    ),
)
"""What single fields must be, beyond a pattern; read by `sync_operator.schedule` and the models themselves."""

_REGISTERED: Final = "has(oldSelf.status) && has(oldSelf.status.id)"
_FIXED: Final = (
    "is fixed once the sync is registered (status.id is set), because the server would keep the old history; "
    "put the old value back, or make another Sync for the new one"
)


def _fixed(field: str, *, optional: bool = False) -> CelRule:
    same = f"self.spec.{field} == oldSelf.spec.{field}"
    if optional:
        both = f"has(self.spec.{field}) == has(oldSelf.spec.{field})"
        same = f"{both} && (!has(self.spec.{field}) || {same})"
    return CelRule("", f"spec.{field}", f"!({_REGISTERED}) || ({same})", _FIXED, CelReason.FORBIDDEN)


def _fixed_id(field: str) -> CelRule:
    """May come to stand for a name that led to the same id. Where a name leads to, the operator has to judge."""
    before, told = f"oldSelf.spec.{field}", f"oldSelf.status.{field}"
    same = f"self.spec.{field} == "
    return CelRule(
        "",
        f"spec.{field}",
        f"!({_REGISTERED}) || !has(self.spec.{field}) || (has({before}) && {same}{before})"
        f" || (has({told}) ? {same}{told} : !has({before}))",
        _FIXED,
        CelReason.FORBIDDEN,
    )


SYNC_TRANSITIONS: Final = (
    _fixed_id("sourceId"),
    _fixed_id("destinationId"),
    _fixed_id("modelId"),
    _fixed("streamName"),
    _fixed("workspaceRef.name"),
    _fixed("cursorField", optional=True),
    CelRule(
        "",
        "spec.externalId",
        f"!({_REGISTERED}) || !has(self.spec.externalId) || self.spec.externalId == oldSelf.status.id"
        " || (has(oldSelf.spec.externalId) && self.spec.externalId == oldSelf.spec.externalId)",
        "can no longer name another sync, because this one is registered (status.id is set); remove it or set it to "
        "status.id, or make another Sync to take over the other",
        CelReason.FORBIDDEN,
    ),
)
"""What may no longer change once the sync is registered. A status write changes none of these, so none refuses it."""

_ONE_AUTH: Final = "needs exactly one of tokenSecretRef and loginSecretRef; "

WORKSPACE_RULES: Final[tuple[Rule[WorkspaceSpec], ...]] = (
    Rule(
        at="spec.auth",
        field="spec.auth",
        cel="!(has(self.tokenSecretRef) && has(self.loginSecretRef))",
        message=f"{_ONE_AUTH}remove one of the two",
        holds=lambda spec: spec.auth.token_secret_ref is None or spec.auth.login_secret_ref is None,
    ),
    Rule(
        at="spec.auth",
        field="spec.auth",
        cel="has(self.tokenSecretRef) || has(self.loginSecretRef)",
        message=f"{_ONE_AUTH}add tokenSecretRef with the name of a Secret",
        holds=lambda spec: spec.auth.token_secret_ref is not None or spec.auth.login_secret_ref is not None,
    ),
)
"""What a Workspace's spec must be, beyond its single fields."""

WORKSPACE_FORMS: Final = (
    CelRule("spec.url", "spec.url", f"self.matches(r'{URL_FORM}')", URL_REFUSED),
    CelRule(
        "spec.previousUrls", "spec.previousUrls", f"self.all(url, url.matches(r'{URL_FORM}'))", f"an item {URL_REFUSED}"
    ),
)
"""As `SYNC_FORMS`."""
