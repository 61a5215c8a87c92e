"""The body of a model's create and update, with the query of the manifest or of a ConfigMap. Pure."""

from dataclasses import dataclass
from typing import Any, Final

from sync_operator.api.kinds.model import MAX_QUERY, ModelSpec
from sync_operator.api.rules.query_text import normalized_query, query_faults
from sync_operator.domain.identity.ownership_mark import marked_description
from sync_operator.domain.model.model_snapshot import ModelSnapshot
from sync_operator.domain.registration.registration_actions import UpdateRemote
from sync_operator.domain.registration.resource_kind import ConfigMapText
from sync_operator.errors import InvalidSpecError
from sync_operator.util.bounds import has_nul

__all__ = ["ChangeQuery", "model_body", "query_of", "texts_of"]

_QUERY: Final = "/query"
"""Name of the query among the values that are read for a body."""


@dataclass(frozen=True, slots=True)
class ChangeQuery(UpdateRemote):
    """`PUT /models/:id` with another query, which concerns the syncs that use the model."""


def texts_of(spec: ModelSpec) -> tuple[ConfigMapText, ...]:
    """The text in a ConfigMap that the body needs; none if the query is in the manifest."""
    if spec.query_from is None:
        return ()
    ref = spec.query_from.config_map_key_ref
    return (ConfigMapText(_QUERY, ref.name, ref.key, "spec.queryFrom.configMapKeyRef"),)


def model_body(snapshot: ModelSnapshot) -> dict[str, Any]:
    """The value of ``model`` in a create.

    Raises:
        InvalidSpecError: every run would break on the query.
    """
    spec = snapshot.model.spec
    if spec is None:
        raise ValueError("no body without spec")
    return {
        "name": spec.name or snapshot.model.name,
        "description": marked_description(snapshot, spec.description),
        "connector_id": snapshot.connector_id,
        "query_type": spec.query_type.value,
        "query": query_of(snapshot),
        "primary_key": spec.primary_key,
    }


def query_of(snapshot: ModelSnapshot) -> str:
    """The query that is sent; empty while the ConfigMap with it has not been read. Raises as `model_body`."""
    spec = snapshot.model.spec
    if spec is None or spec.query_from is None:
        return normalized_query(spec.query or "") if spec is not None else ""
    text = (snapshot.secrets or {}).get(_QUERY)
    if text is None:
        return ""
    ref = spec.query_from.config_map_key_ref
    where = f"key {ref.key!r} of ConfigMap {ref.name!r}"
    fault = next(query_faults(text), None)
    if len(text) > MAX_QUERY:
        fault = f"is longer than {MAX_QUERY} characters; shorten it"
    elif has_nul(text):
        fault = "holds the character NUL (U+0000), which no server stores; remove it"
    if fault is not None:
        raise InvalidSpecError("spec.queryFrom.configMapKeyRef", f"{where} {fault}")
    return normalized_query(text)
