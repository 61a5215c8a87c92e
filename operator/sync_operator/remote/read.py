"""Reading the server's resources: bare or in ``data``, with whatever fields this release answers."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from sync_operator.errors import TransientError
from sync_operator.redact import redact
from sync_operator.remote.paging import Page, Row
from sync_operator.remote.types import Named, RemoteRun, RemoteSync, Rows, RunStatus, User

__all__ = ["read_date", "read_list", "read_named", "read_page", "read_run", "read_sync", "read_user"]

_DIGITS: Final = 19
"""Digits of the largest number that a database holds as an id or a count."""
_WORD_LIMIT: Final = 253
"""Characters that the CRDs' status takes for one word of the server's."""
_KEPT: Final = (
    *("source_id", "destination_id", "model_id", "configuration", "schedule_type", "sync_mode", "sync_interval"),
    *("sync_interval_unit", "cron_expression", "stream_name", "cursor_field"),
)
"""Attributes that can be written; the server answers many more, which ten thousand syncs need not hold."""


def read_sync(body: Any) -> RemoteSync | None:
    """A sync; None when there is no id in it."""
    resource = _unwrap(body)
    sync_id = str(resource.get("id", ""))
    attributes = resource.get("attributes")
    if not (sync_id.isascii() and sync_id.isdigit()) or not isinstance(attributes, Mapping):
        return None
    return RemoteSync(
        id=sync_id,
        attributes={name: attributes[name] for name in _KEPT if name in attributes},
        status=_word(attributes.get("status")),
        created_at=_time(attributes.get("created_at")),
        updated_at=_time(attributes.get("updated_at")),
    )


def read_run(body: Any) -> RemoteRun | None:
    """A run; None when there is no id in it."""
    resource = _unwrap(body)
    run_id = str(resource.get("id", ""))
    attributes = resource.get("attributes")
    if not (run_id.isascii() and run_id.isdigit() and len(run_id) <= _DIGITS) or not isinstance(attributes, Mapping):
        return None
    status = str(attributes.get("status") or "")
    return RemoteRun(
        id=int(run_id),
        status=RunStatus(status) if status in set(RunStatus) else RunStatus.UNKNOWN,
        created_at=_time(attributes.get("created_at")),
        started_at=_time(attributes.get("started_at")),
        finished_at=_time(attributes.get("finished_at")),
        updated_at=_time(attributes.get("updated_at")),
        rows=Rows(
            queried=_count(attributes.get("total_query_rows")),
            total=_count(attributes.get("total_rows")),
            succeeded=_count(attributes.get("successful_rows")),
            failed=_count(attributes.get("failed_rows")),
            skipped=_count(attributes.get("skipped_rows")),
        ),
        error=redact(str(attributes.get("error") or "")),
    )


def read_named(body: Any) -> Named | None:
    """A connector or a model; None when it has no id or no name."""
    resource = _unwrap(body)
    number, attributes = _count(resource.get("id")), resource.get("attributes")
    name = attributes.get("name") if isinstance(attributes, Mapping) else None
    if number == 0 or not isinstance(attributes, Mapping) or not isinstance(name, str):
        return None
    return Named(number, name, _time(attributes.get("updated_at")))


def read_user(body: Any) -> User:
    """Who the token belongs to."""
    resource = _unwrap(body)
    attributes, number = resource.get("attributes"), _count(resource.get("id"))
    held = attributes if isinstance(attributes, Mapping) else {}
    return User(email=_word(held.get("email")), role=_word(held.get("role")), id=str(number) if number else "")


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


def read_date(text: str) -> datetime | None:
    """A date as HTTP headers write it, aware; None when it cannot be read."""
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _unwrap(body: Any) -> Mapping[str, Any]:
    inner = body.get("data", body) if isinstance(body, Mapping) else {}
    return inner if isinstance(inner, Mapping) else {}


def _word(value: Any) -> str:
    return redact(str(value or ""), limit=_WORD_LIMIT)


def _time(value: Any) -> datetime | None:
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return time if time.tzinfo else None


def _count(value: Any) -> int:
    try:
        count = int(value)
    except (TypeError, ValueError, OverflowError):
        return 0
    return count if 0 <= count < 10**_DIGITS else 0
