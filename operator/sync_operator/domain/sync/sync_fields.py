"""How the fields of a sync are compared: what its server drops, fills in, and keeps for ever. Pure."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from sync_operator.domain.registration.field_diff import FieldRules

__all__ = ["SYNC_FIELDS"]

_NULL_FOR: Final[Mapping[str, Collection[str]]] = {
    "sync_interval": ("manual", "cron_expression"),
    "sync_interval_unit": ("manual", "cron_expression"),
    "cron_expression": ("manual", "interval"),
}
"""Field → schedule types for which the server stores null."""
_ITEM_KEYS: Final = frozenset(
    {"from", "to", "mapping_type", "value", "value_type", "template", "field_type", "hide_embedding"}
)
_EMBEDDING: Final = "embedding_config"
_EMBEDDING_KEYS: Final = frozenset({"mode", "model", "api_key"})


def _is_null(name: str, body: Mapping[str, Any]) -> bool:
    return body.get("schedule_type") in _NULL_FOR.get(name, ())


def _normalize(value: Any) -> Any:
    """A configuration without what the server drops: in a list, items that are not objects, unknown and nested fields.

    Only ``embedding_config`` may be nested.
    """
    return [_item(item) for item in value if isinstance(item, Mapping)] if isinstance(value, list) else value


def _item(item: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in item.items() if key in _ITEM_KEYS and not isinstance(value, Mapping | list)}
    embedding = item.get(_EMBEDDING)
    if isinstance(embedding, Mapping):
        inner = {key: value for key, value in embedding.items() if key in _EMBEDDING_KEYS}
        kept[_EMBEDDING] = {key: value for key, value in inner.items() if not isinstance(value, Mapping | list)}
    return kept


SYNC_FIELDS: Final = FieldRules(
    fixed=("source_id", "destination_id", "model_id", "stream_name", "cursor_field"),
    optional=frozenset({"cursor_field"}),
    normalize=_normalize,
    is_default=_is_null,
    titles={"schedule_type": "the server's schedule type"},  # chosen by the operator, may differ from that of the spec
)
