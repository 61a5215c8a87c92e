"""Rules for a Sync, each as CEL for the API server and as a predicate for objects stored before the rule existed.

Rules that compare the old with the new object exist only as CEL.
"""

from collections.abc import Callable
from typing import Final

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND, SYNC_KIND
from sync_operator.api.kinds.sync import ScheduleType, SyncSpec
from sync_operator.api.rules.cel import CelReason, CelRule, Rule
from sync_operator.api.rules.cron_pattern import CRON_HELP, CRON_PATTERN, EVERY_NOT_SUPPORTED, ZONE_NOT_SUPPORTED
from sync_operator.api.rules.pod_rules import POD_RULES
from sync_operator.api.rules.shared_rules import external_id_rule, id_or_ref, immutable, immutable_id
from sync_operator.util.durations import DURATION_PATTERN

__all__ = [
    "SYNC_FIELD_RULES",
    "SYNC_RULES",
    "SYNC_TRANSITIONS",
]


def _needs(given: str, other: str, remedy: str, predicate: Callable[[SyncSpec], bool]) -> Rule[SyncSpec]:
    return Rule(
        at="spec",
        field=f"spec.{other}",
        cel=f"!has(self.{given}) || has(self.{other})",
        message=f"is missing, and {given} needs it; {remedy} or remove {given}",
        reason=CelReason.REQUIRED,
        predicate=predicate,
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
        predicate=lambda spec: spec.schedule_type is not ScheduleType.INTERVAL or spec.sync_interval is not None,
    ),
    Rule(
        at="spec",
        field="spec.cronExpression",
        cel="self.scheduleType != 'cron_expression' || has(self.cronExpression)",
        message="is missing, and scheduleType 'cron_expression' needs it; set it to a cron line such as '0 6 * * *'",
        reason=CelReason.REQUIRED,
        predicate=lambda spec: (
            spec.schedule_type is not ScheduleType.CRON_EXPRESSION or spec.cron_expression is not None
        ),
    ),
    Rule(
        at="spec",
        field="spec.scheduleType",
        cel="self.scheduleType != 'automated' || has(self.cronExpression) || has(self.syncInterval)",
        message="'automated' needs a schedule; set cronExpression, or syncInterval with its unit, or use 'manual'",
        predicate=lambda spec: (
            spec.schedule_type is not ScheduleType.AUTOMATED
            or spec.cron_expression is not None
            or spec.sync_interval is not None
        ),
    ),
)

SYNC_RULES: Final[tuple[Rule[SyncSpec], ...]] = (
    *id_or_ref("source", CONNECTOR_KIND),
    *id_or_ref("destination", CONNECTOR_KIND),
    *id_or_ref("model", MODEL_KIND),
    *_SCHEDULE,
    *POD_RULES,
)
"""Rules for a Sync's spec beyond the schema of its single fields."""

SYNC_FIELD_RULES: Final = (
    CelRule("spec.cronExpression", "spec.cronExpression", "!self.startsWith('@every')", EVERY_NOT_SUPPORTED),
    CelRule("spec.cronExpression", "spec.cronExpression", "!self.contains('TZ')", ZONE_NOT_SUPPORTED),
    CelRule(
        "spec.cronExpression",
        "spec.cronExpression",
        f"self.startsWith('@every') || self.contains('TZ') || self.matches(r'{CRON_PATTERN}')",
        f"is not a cron line that Kubernetes takes; {CRON_HELP}",
    ),
    *(
        CelRule(
            field,
            field,
            f"self.matches(r'{DURATION_PATTERN}') && duration(self) > duration('0s')",
            "is not a duration longer than zero; write it like 1h30m, 45m or 90s",
        )
        for field in ("spec.run.timeout", "spec.run.startTimeout", "spec.freshness.maxAge")
    ),
)
"""CEL rules for single fields beyond a pattern; in Python, `sync_operator.schedule` and the models enforce them."""

_IMMUTABLE: Final = (
    "is fixed once the sync is registered (status.id is set), because the server would keep the old history; "
    "put the old value back, or make another Sync for the new one"
)

SYNC_TRANSITIONS: Final = (
    immutable_id("sourceId", _IMMUTABLE),
    immutable_id("destinationId", _IMMUTABLE),
    immutable_id("modelId", _IMMUTABLE),
    immutable("streamName", _IMMUTABLE),
    immutable("workspaceRef.name", _IMMUTABLE),
    immutable("cursorField", _IMMUTABLE, optional=True),
    external_id_rule("sync", SYNC_KIND),
)
"""Rules for fields that are immutable once the sync is registered. A status write changes none of these fields, so it
is never rejected by them."""
