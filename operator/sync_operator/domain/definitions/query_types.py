"""Which query types of a Model fit the definition of its source. Pure."""

from collections.abc import Mapping
from typing import Final

from sync_operator.errors import InvalidSpecError
from sync_operator.syncapi.pipeline.definitions import Definition

__all__ = ["query_type_error"]

_FITTING: Final[Mapping[str, tuple[str, ...]]] = {
    "raw_sql": ("raw_sql", "dbt", "table_selector"),
    "soql": ("soql",),
    "ai_ml": (),
    "vector_search": (),
}
"""Query type of a definition → those of models whose rows a sync can send; the first three of them run alike."""


def query_type_error(definition: Definition, query_type: str) -> InvalidSpecError | None:
    """What to say of a Model with this ``spec.queryType``; None if it fits, or the definition has an unknown type."""
    fitting = _FITTING.get(definition.query_type, (query_type,))
    if query_type in fitting:
        return None
    if not fitting:
        words = f"sources of definition {definition.name} have no rows that a sync can send; name another connector"
        return InvalidSpecError("spec.connectorRef", words)
    allowed = " or ".join(fitting)
    return InvalidSpecError("spec.queryType", f"must be {allowed} for a source of definition {definition.name}")
