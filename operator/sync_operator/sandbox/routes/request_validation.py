"""The server's validation of a sync's body.

Gate one checks types, presence and enumerations (400 E1). Gate two checks enumerations in the wrong case (400 E2), then
references, catalog and stream (422).
"""

from collections.abc import Mapping
from typing import Any, Final

from sync_operator.sandbox.error_shapes import api_error, bad_request, non_json_error, validation_error
from sync_operator.sandbox.routes.stored_json import as_jsonb, refuse_nul
from sync_operator.sandbox.server_scheduler import is_accepted_cron
from sync_operator.sandbox.state import Store

__all__ = ["is_integer", "permitted_fields", "validate_contract", "validate_model"]

_IDS: Final = ("source_id", "destination_id", "model_id")
_UNITS: Final = ("minutes", "hours", "days", "weeks")
_ENUMS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "multiwoven": {
        "schedule_type": ("manual", "interval", "cron_expression"),
        "sync_mode": ("full_refresh", "incremental"),
        "sync_interval_unit": _UNITS,
    },
    "documented": {
        "schedule_type": ("automated",),
        "sync_mode": ("full_refresh",),
        "sync_interval_unit": ("minutes",),
    },
}
_REQUIRED: Final = {
    "multiwoven": ("model_id", "destination_id", "schedule_type", "configuration", "stream_name", "sync_mode"),
    "documented": (
        *("source_id", "destination_id", "model_id", "schedule_type", "configuration", "stream_name", "sync_mode"),
        *("sync_interval", "sync_interval_unit"),
    ),
}
_PERMITTED: Final = (
    *("source_id", "destination_id", "model_id", "configuration", "schedule_type", "sync_mode", "sync_interval"),
    *("sync_interval_unit", "cron_expression", "stream_name", "cursor_field"),
)
_ITEM_KEYS: Final = (
    *("from", "to", "mapping_type", "value", "template", "value_type", "field_type", "hide_embedding"),
    "embedding_config",
)
_EMBEDDING_KEYS: Final = ("mode", "model", "api_key")


def validate_contract(dialect: str, body: Mapping[str, Any], *, create: bool) -> None:
    """Check types, presence and enumerations; this comes before the checks of workspace, sync and role.

    Raises:
        Refusal: 400 E1, or a bare 500 if the server's own check crashes (contract S13).
    """
    try:
        problems = _problems(dialect, body, create=create)
    except ZeroDivisionError:
        raise non_json_error(500) from None
    if problems:
        raise validation_error({"sync": problems})


def validate_model(store: Store, body: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> None:
    """Check what the server's model checks: enumerations in the wrong case, references, catalog and stream.

    Args:
        store: the server's state.
        body: what is written.
        before: the sync's attributes; None for a create.

    Raises:
        Refusal: 400 E2, or 422.
    """
    for field in ("schedule_type", "sync_mode"):
        value = body.get(field)
        if value is not None and value not in _ENUMS[store.dialect][field]:
            raise bad_request(f"'{value}' is not a valid {field}")
    _check_references(store, {**(before or {}), **body}, create=before is None)


def permitted_fields(body: Mapping[str, Any], *, create: bool, dialect: str) -> dict[str, Any]:
    """The fields of a body that are stored: known ones only, list items reduced to known keys.

    Fields that the schedule type does not use are set to null.

    Raises:
        Refusal: 400 E2: a text has the character NUL, which PostgreSQL does not store.
    """
    kept = {name: body[name] for name in _PERMITTED if name in body and (create or name != "cursor_field")}
    for name in _IDS:
        if name in kept:
            kept[name] = int(kept[name])
    configuration = kept.get("configuration")
    if isinstance(configuration, list):
        kept["configuration"] = as_jsonb([_item(item) for item in configuration if isinstance(item, dict)])
    elif isinstance(configuration, dict):
        kept["configuration"] = as_jsonb(configuration)
    elif "configuration" in kept:
        del kept["configuration"]
    if dialect == "multiwoven":
        if kept.get("schedule_type") in {"manual", "cron_expression"}:
            kept |= {"sync_interval": None, "sync_interval_unit": None}
        if kept.get("schedule_type") in {"manual", "interval"}:
            kept["cron_expression"] = None
    refuse_nul(kept)
    return kept


def _problems(dialect: str, body: Mapping[str, Any], *, create: bool) -> dict[str, list[str]]:
    problems: dict[str, list[str]] = {}
    for name in _REQUIRED[dialect] if create else ():
        if body.get(name) is None:
            problems[name] = ["is missing"]
    for name in _IDS:
        if body.get(name) is not None and not is_integer(body[name]):
            problems[name] = ["must be an integer"]
    for name, words in _ENUMS[dialect].items():
        value = body.get(name)
        if value is not None and str(value).lower() not in words:
            problems[name] = [f"must be one of: {', '.join(words)}"]
    if dialect == "multiwoven":
        if body.get("configuration") in ({}, [], ""):
            problems["configuration"] = ["must be filled"]
        problems |= _schedule_problems(body)
    return problems


def _schedule_problems(body: Mapping[str, Any]) -> dict[str, list[str]]:
    """Interval and cron line are checked only if the schedule type is in the same body (contract S8)."""
    match str(body.get("schedule_type")).lower():
        case "interval":
            if not is_integer(body.get("sync_interval")) or int(body["sync_interval"]) <= 0:
                return {"sync_interval": ["must be greater than 0"]}
            if body.get("sync_interval_unit") not in _UNITS:
                return {"sync_interval_unit": ["must be filled"]}
        case "cron_expression":
            line = body.get("cron_expression")
            if not isinstance(line, str) or not is_accepted_cron(line):
                return {"cron_expression": ["invalid cron expression format"]}
    return {}


def _check_references(store: Store, body: Mapping[str, Any], *, create: bool) -> None:
    failed = "Sync creation failed" if create else "Sync update failed"
    for name in ("source", "destination", "model"):
        value = body.get(f"{name}_id")
        held = None if value is None else _referred(store, name, int(value))
        if held is None:
            raise api_error(422, failed, {name: "must exist"})
    if create and not isinstance(body.get("configuration"), (dict, list)):
        raise api_error(422, failed, {"configuration": "can't be blank"})
    catalog = store.catalog(int(body["destination_id"]))
    if catalog is None:
        raise api_error(422, failed, {"catalog": "Catalog is missing"})
    if not catalog.accepts(body.get("stream_name")):
        raise api_error(422, failed, {"stream_name": "Add a valid stream_name associated with destination connector"})


def _referred(store: Store, name: str, number: int) -> object | None:
    """The connector or model of an id; those of other workspaces are accepted too."""
    return store.model(number) if name == "model" else store.connector(number, name)


def _item(item: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name in _ITEM_KEYS:
        value = item.get(name)
        if name not in item:
            continue
        if name == "embedding_config":
            if isinstance(value, dict):
                scalars = {key: inner for key, inner in value.items() if not isinstance(inner, (dict, list))}
                kept[name] = {key: scalars[key] for key in _EMBEDDING_KEYS if key in scalars}
        elif not isinstance(value, (dict, list)):
            kept[name] = value
    return kept


def is_integer(value: Any) -> bool:
    """True for what the server takes as an integer: a number, or digits in a string."""
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, str) and value.lstrip("-").isdigit())
