"""Rules for Connectors and Models, each as CEL for the API server and as a predicate for objects stored before it.

Rules that compare the old with the new object exist only as CEL.
"""

from typing import Final

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND
from sync_operator.api.kinds.connector import ConnectorSpec
from sync_operator.api.kinds.model import ModelSpec
from sync_operator.api.rules.cel import CelReason, CelRule, Rule
from sync_operator.api.rules.query_text import QUERY_RULES
from sync_operator.api.rules.shared_rules import external_id_rule, id_or_ref, immutable, immutable_id

__all__ = ["CONNECTOR_RULES", "CONNECTOR_TRANSITIONS", "MODEL_FIELD_RULES", "MODEL_RULES", "MODEL_TRANSITIONS"]

_CONNECTOR_FIXED: Final = (
    "is fixed once the connector is registered (status.id is set), because a change would take every model and sync "
    "that uses it along; put the old value back, or make another Connector for the new one"
)
_MODEL_FIXED: Final = (
    "is fixed once the model is registered (status.id is set), because the syncs that use it would go on reading from "
    "the old source; put the old value back, or make another Model for the new one"
)

_REFUSED: Final = (
    "(has(oldSelf.status.conditions)"
    " && oldSelf.status.conditions.exists(entry, entry.type == 'Registered' && entry.status == 'False'))"
)
"""CEL: the operator could not register what the spec says, so that a value may have to be put back."""

CONNECTOR_RULES: Final[tuple[Rule[ConnectorSpec], ...]] = (
    Rule(
        at="spec",
        field="spec.configuration",
        # CEL cannot tell whether an object of free form is empty.
        cel="has(self.configuration) || (has(self.configurationSecrets) && size(self.configurationSecrets) > 0)",
        message="is missing; write what the definition on the server asks for, such as host and port",
        reason=CelReason.REQUIRED,
        predicate=lambda spec: bool(spec.configuration or spec.configuration_secrets),
    ),
)
"""Rules for a Connector's spec beyond the schema of its single fields."""

CONNECTOR_TRANSITIONS: Final = (
    immutable("connectorType", _CONNECTOR_FIXED),
    immutable("connectorName", _CONNECTOR_FIXED),
    immutable("workspaceRef.name", _CONNECTOR_FIXED),
    external_id_rule("connector", CONNECTOR_KIND),
)
"""Rules for fields that are immutable once the connector is registered. A status write changes none of these fields,
so it is never rejected by them."""

MODEL_RULES: Final[tuple[Rule[ModelSpec], ...]] = (
    *id_or_ref("connector", CONNECTOR_KIND),
    Rule(
        at="spec",
        field="spec.query",
        cel="has(self.query) || has(self.queryFrom)",
        message="is missing; write it, or name a ConfigMap that holds it in queryFrom.configMapKeyRef",
        reason=CelReason.REQUIRED,
        predicate=lambda spec: spec.query is not None or spec.query_from is not None,
    ),
    Rule(
        at="spec",
        field="spec.queryFrom",
        cel="!has(self.query) || !has(self.queryFrom)",
        message="cannot stand beside query; remove one of the two",
        reason=CelReason.FORBIDDEN,
        predicate=lambda spec: spec.query is None or spec.query_from is None,
    ),
)
"""Rules for a Model's spec beyond the schema of its single fields."""

MODEL_FIELD_RULES: Final = tuple(CelRule("spec.query", "spec.query", rule.cel, rule.message) for rule in QUERY_RULES)
"""CEL rules for single fields; in Python, `sync_operator.api.validation.content_faults` enforces them."""

MODEL_TRANSITIONS: Final = (
    immutable_id("connectorId", _MODEL_FIXED),
    immutable("workspaceRef.name", _MODEL_FIXED),
    CelRule(
        "",
        "spec.primaryKey",
        "!(has(oldSelf.status) && has(oldSelf.status.usedBy) && has(oldSelf.status.usedBy.syncs)"
        " && oldSelf.status.usedBy.syncs > 0) || self.spec.primaryKey == oldSelf.spec.primaryKey"
        f" || {_REFUSED}",
        "is fixed while syncs use the model (status.usedBy), because they would send rows that were sent before as new "
        "ones; put the old value back, or make another Model for the new one, and Syncs that use it",
        CelReason.FORBIDDEN,
    ),
    external_id_rule("model", MODEL_KIND),
)
"""As `CONNECTOR_TRANSITIONS`, for a Model."""
