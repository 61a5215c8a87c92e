"""Is this server sync ours? Comparison by meaning, and the search for what a lost create made."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sync_operator.remote.types import RemoteSync

__all__ = ["differing_fields", "made_by_us"]

CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far the sync server's clock may lag behind the one that wrote the create mark."""

_FIXED: Final = ("source_id", "destination_id", "model_id", "stream_name", "cursor_field")
_ITEM_KEYS: Final = frozenset(
    {
        "from",
        "to",
        "mapping_type",
        "value",
        "value_type",
        "template",
        "field_type",
        "hide_embedding",
        "embedding_config",
    }
)
"""Keys of a list item of ``configuration`` that a Multiwoven server keeps (contract section 5)."""


def differing_fields(body: Mapping[str, Any], remote: RemoteSync, *, only_fixed: bool = False) -> tuple[str, ...]:
    """API names of the fields that were written and are different on the server, by meaning.

    Fields which the server nulls for the schedule type sent (interval and cron line of a manual sync) are no
    difference, nor are fields that it does not answer at all.
    """
    names = _FIXED if only_fixed else tuple(body)
    return tuple(name for name in names if not _same_field(name, body, remote.attributes))


def made_by_us(
    body: Mapping[str, Any], listing: Iterable[RemoteSync], *, marked_at: datetime, claims: Mapping[str, str]
) -> tuple[RemoteSync, ...]:
    """Syncs that a create of ours since ``marked_at`` may have made, oldest first.

    Args:
        body: what was, or would have been, sent.
        listing: the workspace's syncs.
        marked_at: time of the create mark.
        claims: server ids that belong to other Syncs.
    """
    found = [
        remote
        for remote in listing
        if remote.id not in claims
        and remote.created_at is not None
        and remote.created_at >= marked_at - CLOCK_SKEW
        and not differing_fields(body, remote)
    ]
    return tuple(sorted(found, key=lambda remote: int(remote.id)))


def _same_field(name: str, body: Mapping[str, Any], attributes: Mapping[str, Any]) -> bool:
    wanted, found = body.get(name), attributes.get(name)
    if name == "configuration":
        return bool(_meaning(wanted) == _meaning(found))
    if found is None and name in {"sync_interval", "sync_interval_unit", "cron_expression"}:
        return True
    if isinstance(wanted, int) and isinstance(found, str):
        return str(wanted) == found
    return bool(wanted == found)


def _meaning(value: Any) -> Any:
    """The value with what the server drops left out; key order and 1 versus 1.0 mean nothing in Python anyway."""
    if isinstance(value, list):
        return [
            {key: entry for key, entry in item.items() if key in _ITEM_KEYS} for item in value if isinstance(item, dict)
        ]
    return value
