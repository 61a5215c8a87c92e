"""Parses the server's resources: bare or in ``data``, with whatever fields the server's release returns."""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from sync_operator.errors import TransientError
from sync_operator.syncapi.list_size import RowSize
from sync_operator.syncapi.paging import Page, Row
from sync_operator.syncapi.types import (
    NamedResource,
    RemoteConnector,
    RemoteModel,
    RemoteResource,
    RemoteRun,
    RemoteSync,
    Rows,
    RunStatus,
    User,
)
from sync_operator.util.bounds import (
    MAX_ITEM_BYTES,
    MAX_VALUES_OF_SERVER,
    bounded_id,
    bounded_number,
    bounded_text,
    bounded_time,
    outgrown,
)
from sync_operator.util.packed_json import PackedFields
from sync_operator.util.redact import redact

__all__ = [
    "parse_batch_streams",
    "parse_connector",
    "parse_list",
    "parse_model",
    "parse_named",
    "parse_page",
    "parse_run",
    "parse_sync",
    "parse_user",
    "size_of",
    "with_packed_attributes",
]

_MAX_SHORT_TEXT: Final = 253
"""Maximum length of a server's string (status, role) in the CRDs' status."""
_ENTRY_BYTES: Final = 512
"""Memory of one list entry besides its texts: objects, times, dictionary entries."""
_MAX_NAME: Final = 255
"""Maximum length of a name that a manifest can refer to."""
_EMAIL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,190}")
_WRITABLE_ATTRIBUTES: Final = (
    *("source_id", "destination_id", "model_id", "configuration", "schedule_type", "sync_mode", "sync_interval"),
    *("sync_interval_unit", "cron_expression", "stream_name", "cursor_field"),
)
"""Writable attributes. The server returns many more, which need not be kept for ten thousand syncs."""
_CONNECTOR_ATTRIBUTES: Final = ("name", "description", "connector_type", "connector_name", "configuration")
_MODEL_ATTRIBUTES: Final = ("name", "description", "query_type", "query", "primary_key")
"""Of a model without the connector that is embedded in it, whose configuration may hold secrets."""


def parse_sync(body: Any) -> RemoteSync | None:
    """Parse a sync; None if it has no id or no attributes."""
    resource = _unwrap(body)
    sync_id, attributes = bounded_id(resource.get("id")), resource.get("attributes")
    if sync_id is None or not isinstance(attributes, Mapping):
        return None
    return RemoteSync(
        id=sync_id,
        attributes={name: _bounded_attribute(attributes[name]) for name in _WRITABLE_ATTRIBUTES if name in attributes},
        status=_short_text(attributes.get("status")),
        created_at=bounded_time(attributes.get("created_at")),
        updated_at=bounded_time(attributes.get("updated_at")),
    )


def parse_connector(body: Any) -> RemoteConnector | None:
    """Parse a connector; None if it has no id or no attributes."""
    return _parse_resource(body, RemoteConnector, _CONNECTOR_ATTRIBUTES)


def parse_model(body: Any) -> RemoteModel | None:
    """Parse a model, with the id of its connector; None if it has no id or no attributes."""
    model = _parse_resource(body, RemoteModel, _MODEL_ATTRIBUTES)
    number = _connector_id(_unwrap(body).get("attributes"))
    if model is None or number is None:
        return model
    return replace(model, attributes={**model.attributes, "connector_id": number})


def _parse_resource[R: RemoteResource](body: Any, made: type[R], names: tuple[str, ...]) -> R | None:
    resource = _unwrap(body)
    remote_id, attributes = bounded_id(resource.get("id")), resource.get("attributes")
    if remote_id is None or not isinstance(attributes, Mapping):
        return None
    return made(
        id=remote_id,
        attributes={name: _bounded_attribute(attributes[name]) for name in names if name in attributes},
        created_at=bounded_time(attributes.get("created_at")),
        updated_at=bounded_time(attributes.get("updated_at")),
    )


def _connector_id(attributes: Any) -> int | None:
    """Id of a model's connector, which is embedded in it, or named by its id alone (documented dialect)."""
    if not isinstance(attributes, Mapping):
        return None
    connector = attributes.get("connector")
    number = connector.get("id") if isinstance(connector, Mapping) else attributes.get("connector_id")
    return bounded_number(number) or None


def _bounded_attribute(value: Any) -> Any:
    """The value, or a message if it is larger than any value that can have been written."""
    if not isinstance(value, Mapping | list):
        return value
    return outgrown(value, MAX_ITEM_BYTES, MAX_VALUES_OF_SERVER) or value


def parse_run(body: Any) -> RemoteRun | None:
    """Parse a run; None if it has no id or no attributes."""
    resource = _unwrap(body)
    run_id, attributes = bounded_id(resource.get("id")), resource.get("attributes")
    if run_id is None or not isinstance(attributes, Mapping):
        return None
    status = bounded_text(attributes.get("status"))
    return RemoteRun(
        id=int(run_id),
        status=RunStatus(status) if status in set(RunStatus) else RunStatus.UNKNOWN,
        created_at=bounded_time(attributes.get("created_at")),
        started_at=bounded_time(attributes.get("started_at")),
        finished_at=bounded_time(attributes.get("finished_at")),
        updated_at=bounded_time(attributes.get("updated_at")),
        rows=Rows(
            queried=_count(attributes.get("total_query_rows")),
            total=_count(attributes.get("total_rows")),
            succeeded=_count(attributes.get("successful_rows")),
            failed=_count(attributes.get("failed_rows")),
            skipped=bounded_number(attributes.get("skipped_rows")),
        ),
        error=redact(bounded_text(attributes.get("error"))),
    )


def parse_named(body: Any) -> NamedResource | None:
    """Parse a connector or a model; None if it has no id, or no name that a manifest can refer to."""
    resource = _unwrap(body)
    number, attributes = bounded_number(resource.get("id")), resource.get("attributes")
    name = attributes.get("name") if isinstance(attributes, Mapping) else None
    if not number or not isinstance(attributes, Mapping) or not isinstance(name, str) or len(name) > _MAX_NAME:
        return None
    return NamedResource(number, name, bounded_time(attributes.get("updated_at")), _connector_id(attributes))


def parse_batch_streams(body: Any) -> frozenset[str]:
    """Names of the streams that are written in batches, from a destination's catalog; empty if there is none."""
    attributes = _unwrap(body).get("attributes")
    catalog = attributes.get("catalog") if isinstance(attributes, Mapping) else None
    streams = catalog.get("streams") if isinstance(catalog, Mapping) else None
    return frozenset(
        stream["name"]
        for stream in (streams if isinstance(streams, list) else ())
        if isinstance(stream, Mapping) and stream.get("batch_support") is True and isinstance(stream.get("name"), str)
    )


def parse_user(body: Any) -> User:
    """Parse the user that the token belongs to; the e-mail address is empty if it does not have the form of one."""
    resource = _unwrap(body)
    attributes = resource.get("attributes")
    held = attributes if isinstance(attributes, Mapping) else {}
    email = bounded_text(held.get("email"))
    return User(
        email=_short_text(email) if _EMAIL.fullmatch(email) else "",
        role=_short_text(held.get("role")),
        id=bounded_id(resource.get("id")) or "",
    )


def with_packed_attributes[R: RemoteResource](remote: R) -> R:
    """A resource of a long list: its attributes are kept as text."""
    packed = isinstance(remote.attributes, PackedFields)
    return remote if packed else replace(remote, attributes=PackedFields(remote.attributes))


def size_of(entry: RemoteResource | NamedResource) -> RowSize:
    """Approximate memory of a list entry."""
    if isinstance(entry, NamedResource):
        return RowSize(len(entry.name.encode("utf-8", "surrogatepass")), _ENTRY_BYTES + sys.getsizeof(entry.name))
    text = len(entry.attributes.text.text) if isinstance(entry.attributes, PackedFields) else 0
    status = sys.getsizeof(entry.status) if isinstance(entry, RemoteSync) else 0
    return RowSize(text, _ENTRY_BYTES + text + status)


def parse_list[T](body: Any, read: Callable[[Any], T | None]) -> list[T]:
    """Parse the resources of a list; those that cannot be parsed are left out.

    Raises:
        TransientError: the body is not a list; treated as an empty one, it would mean that everything was deleted.
    """
    data = body.get("data") if isinstance(body, Mapping) else body
    if not isinstance(data, list):
        raise TransientError("a list was asked for, and something else was answered; is this the sync server?")
    return [entry for entry in map(read, data) if entry is not None]


def parse_page[T: Row](body: Any, read: Callable[[Any], T | None]) -> Page[T]:
    """Parse one page of a list.

    Raises:
        TransientError: as in `parse_list`.
    """
    rows = tuple(parse_list(body, read))
    data = body.get("data") if isinstance(body, Mapping) else body
    links = body.get("links") if isinstance(body, Mapping) else None
    return Page(
        rows, len(data or ()), last=not links["next"] if isinstance(links, Mapping) and "next" in links else None
    )


def _unwrap(body: Any) -> Mapping[str, Any]:
    inner = body.get("data", body) if isinstance(body, Mapping) else {}
    return inner if isinstance(inner, Mapping) else {}


def _short_text(value: Any) -> str:
    return redact(bounded_text(value), limit=_MAX_SHORT_TEXT)


def _count(value: Any) -> int:
    return bounded_number(value) or 0
