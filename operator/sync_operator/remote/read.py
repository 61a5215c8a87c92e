"""Reading the server's resources: bare or in ``data``, with whatever fields this release answers."""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from sync_operator.bounds import (
    MAX_ITEM_BYTES,
    MAX_VALUES_OF_SERVER,
    bounded_id,
    bounded_number,
    bounded_text,
    bounded_time,
    outgrown,
)
from sync_operator.errors import TransientError
from sync_operator.packed import PackedFields
from sync_operator.redact import redact
from sync_operator.remote.paging import Page, Row
from sync_operator.remote.tally import RowSize
from sync_operator.remote.types import Named, RemoteRun, RemoteSync, Rows, RunStatus, User

__all__ = [
    "read_batch_streams",
    "read_list",
    "read_named",
    "read_packed_sync",
    "read_page",
    "read_run",
    "read_sync",
    "read_user",
    "size_of",
]

_WORD_LIMIT: Final = 253
"""Characters that the CRDs' status takes for one word of the server's."""
_ENTRY_BYTES: Final = 512
"""What one entry of a list takes in memory besides its texts: objects, times, and its places in dictionaries."""
_MAX_NAME: Final = 255
"""Characters of a name that a manifest can refer to."""
_EMAIL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,190}")
_KEPT: Final = (
    *("source_id", "destination_id", "model_id", "configuration", "schedule_type", "sync_mode", "sync_interval"),
    *("sync_interval_unit", "cron_expression", "stream_name", "cursor_field"),
)
"""Attributes that can be written; the server answers many more, which ten thousand syncs need not hold."""


def read_sync(body: Any) -> RemoteSync | None:
    """A sync; None when there is no id in it."""
    resource = _unwrap(body)
    sync_id, attributes = bounded_id(resource.get("id")), resource.get("attributes")
    if sync_id is None or not isinstance(attributes, Mapping):
        return None
    return RemoteSync(
        id=sync_id,
        attributes={name: _attribute(attributes[name]) for name in _KEPT if name in attributes},
        status=_word(attributes.get("status")),
        created_at=bounded_time(attributes.get("created_at")),
        updated_at=bounded_time(attributes.get("updated_at")),
    )


def _attribute(value: Any) -> Any:
    """A value as it is; of one that is larger than any that was written, what is wrong with it."""
    if not isinstance(value, Mapping | list):
        return value
    return outgrown(value, MAX_ITEM_BYTES, MAX_VALUES_OF_SERVER) or value


def read_run(body: Any) -> RemoteRun | None:
    """A run; None when there is no id in it."""
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


def read_named(body: Any) -> Named | None:
    """A connector or a model; None when it has no id, or no name that a manifest could give."""
    resource = _unwrap(body)
    number, attributes = bounded_number(resource.get("id")), resource.get("attributes")
    name = attributes.get("name") if isinstance(attributes, Mapping) else None
    if not number or not isinstance(attributes, Mapping) or not isinstance(name, str) or len(name) > _MAX_NAME:
        return None
    connector = attributes.get("connector")
    source = bounded_number(connector.get("id")) if isinstance(connector, Mapping) else None
    return Named(number, name, bounded_time(attributes.get("updated_at")), source or None)


def read_batch_streams(body: Any) -> frozenset[str]:
    """Of a destination's catalog, the names of the streams that are written in batches; none where it tells none."""
    attributes = _unwrap(body).get("attributes")
    catalog = attributes.get("catalog") if isinstance(attributes, Mapping) else None
    streams = catalog.get("streams") if isinstance(catalog, Mapping) else None
    return frozenset(
        stream["name"]
        for stream in (streams if isinstance(streams, list) else ())
        if isinstance(stream, Mapping) and stream.get("batch_support") is True and isinstance(stream.get("name"), str)
    )


def read_user(body: Any) -> User:
    """Who the token belongs to; what has not the form of an e-mail address is not taken for one."""
    resource = _unwrap(body)
    attributes = resource.get("attributes")
    held = attributes if isinstance(attributes, Mapping) else {}
    email = bounded_text(held.get("email"))
    return User(
        email=_word(email) if _EMAIL.fullmatch(email) else "",
        role=_word(held.get("role")),
        id=bounded_id(resource.get("id")) or "",
    )


def read_packed_sync(body: Any) -> RemoteSync | None:
    """A sync of a long list: as `read_sync`, with its attributes as text."""
    sync = read_sync(body)
    return None if sync is None else replace(sync, attributes=PackedFields(sync.attributes))


def size_of(entry: RemoteSync | Named) -> RowSize:
    """About how much an entry of a list takes that is kept."""
    if isinstance(entry, Named):
        return RowSize(len(entry.name.encode("utf-8", "surrogatepass")), _ENTRY_BYTES + sys.getsizeof(entry.name))
    text = len(entry.attributes.text.text) if isinstance(entry.attributes, PackedFields) else 0
    return RowSize(text, _ENTRY_BYTES + text + sys.getsizeof(entry.status))


def read_list[T](body: Any, read: Callable[[Any], T | None]) -> list[T]:
    """The resources of a list; what cannot be read is left out.

    Raises:
        TransientError: it is no list at all; taken for an empty one, it would say that everything is gone.
    """
    data = body.get("data") if isinstance(body, Mapping) else body
    if not isinstance(data, list):
        raise TransientError("a list was asked for, and something else was answered; is this the sync server?")
    return [entry for entry in map(read, data) if entry is not None]


def read_page[T: Row](body: Any, read: Callable[[Any], T | None]) -> Page[T]:
    """One page of a list.

    Raises:
        TransientError: as `read_list`.
    """
    rows = tuple(read_list(body, read))
    data = body.get("data") if isinstance(body, Mapping) else body
    links = body.get("links") if isinstance(body, Mapping) else None
    return Page(
        rows, len(data or ()), last=not links["next"] if isinstance(links, Mapping) and "next" in links else None
    )


def _unwrap(body: Any) -> Mapping[str, Any]:
    inner = body.get("data", body) if isinstance(body, Mapping) else {}
    return inner if isinstance(inner, Mapping) else {}


def _word(value: Any) -> str:
    return redact(bounded_text(value), limit=_WORD_LIMIT)


def _count(value: Any) -> int:
    return bounded_number(value) or 0
