"""Rules for a Workspace, as CEL for the API server and as predicates for objects stored before the rule existed."""

from typing import Final

from sync_operator.api.kinds.workspace import URL_MESSAGE, URL_PATTERN, WorkspaceSpec
from sync_operator.api.rules.cel import CelRule, Rule

__all__ = ["WORKSPACE_FIELD_RULES", "WORKSPACE_RULES"]

_ONE_AUTH: Final = "needs exactly one of tokenSecretRef and loginSecretRef; "

WORKSPACE_RULES: Final[tuple[Rule[WorkspaceSpec], ...]] = (
    Rule(
        at="spec.auth",
        field="spec.auth",
        cel="!(has(self.tokenSecretRef) && has(self.loginSecretRef))",
        message=f"{_ONE_AUTH}remove one of the two",
        predicate=lambda spec: spec.auth.token_secret_ref is None or spec.auth.login_secret_ref is None,
    ),
    Rule(
        at="spec.auth",
        field="spec.auth",
        cel="has(self.tokenSecretRef) || has(self.loginSecretRef)",
        message=f"{_ONE_AUTH}add tokenSecretRef with the name of a Secret",
        predicate=lambda spec: spec.auth.token_secret_ref is not None or spec.auth.login_secret_ref is not None,
    ),
)
"""Rules for a Workspace's spec beyond the schema of its single fields."""

WORKSPACE_FIELD_RULES: Final = (
    CelRule("spec.url", "spec.url", f"self.matches(r'{URL_PATTERN}')", URL_MESSAGE),
    CelRule(
        "spec.previousUrls",
        "spec.previousUrls",
        f"self.all(url, url.matches(r'{URL_PATTERN}'))",
        f"an item {URL_MESSAGE}",
    ),
)
"""CEL rules for single fields; in Python, the model enforces them."""
