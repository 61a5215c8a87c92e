"""Maps the server's error responses, distinguished by their shape (contract section 2), to the error tree."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final

from sync_operator.errors import (
    FailedPreconditionError,
    ForbiddenError,
    NameTakenError,
    NotFoundError,
    PreconditionFailure,
    RejectedError,
    ServerFaultError,
    SyncOperatorError,
    ThrottledError,
    TransientError,
    UnauthorizedError,
    UnknownWorkspaceError,
    UnsupportedEndpointError,
)
from sync_operator.util.bounds import bounded_date, bounded_text, is_too_deep
from sync_operator.util.field_names import camel
from sync_operator.util.redact import redact_each

__all__ = [
    "REFERENCE_FIELDS",
    "Quoting",
    "Response",
    "error_from_response",
    "is_conclusive",
    "parse_body",
    "retry_after",
]

_PRECONDITION_MESSAGES: Final = (
    ("due to no active sync run", PreconditionFailure.NO_RUN_ACTIVE),
    ("due to active sync run", PreconditionFailure.RUN_ACTIVE),
    ("is disabled", PreconditionFailure.DISABLED),
    ("should be manual", PreconditionFailure.NOT_MANUAL),
)
_TRANSIENT_CODES: Final = ("catalog is missing", "must exist")
REFERENCE_FIELDS: Final = {"source": "source_id", "destination": "destination_id", "model": "model_id"}
"""Field names in the server's errors about an id that does not exist → the API fields that contain the id."""
_SPEC_FIELDS: Final = frozenset(
    {
        *REFERENCE_FIELDS.values(),
        *("configuration", "stream_name", "sync_mode", "cursor_field"),
        *("schedule_type", "sync_interval", "sync_interval_unit", "cron_expression"),
    }
)
"""The API fields that a manifest contains, each in camel case."""
_NO_FIELDS: Final = frozenset({"base", "catalog"})
"""Names in the server's errors that are not fields of a sync; the message alone is shown."""
_MESSAGE_KEYS: Final = ("errors", "error", "detail", "message", "title")
"""Keys under which servers write why they refuse, the most informative first."""
_MAX_MESSAGES: Final = 3
"""Maximum number of messages that are read from a list."""
_MAX_RETRY_AFTER: Final = 24 * 3600.0
"""Maximum of a `Retry-After` in seconds; a longer one means "not now" all the same."""
_MAX_DIGITS: Final = 9
_MAX_DETAILS: Final = 16
"""Maximum number of fields that are read from an error response."""
_MAX_DETAIL: Final = 512
_RETRYABLE_4XX: Final = frozenset({408, 425})
"""Client errors (4xx) that only mean "not now"."""
_REFUSED: Final = 422
_NAME_TAKEN: Final = "with the same name already exists"
_PIPELINE_FIELDS: Final = frozenset(
    {
        *("name", "description", "connector_type", "connector_name", "configuration"),
        *("connector_id", "query_type", "query", "primary_key"),
    }
)
"""The API fields of connectors and models that a manifest contains, each in camel case."""
_WORD: Final = re.compile(r"[a-z_]+")


class Quoting(Enum):
    """Which error responses a message may quote. An unforeseen error may print a whole connector with its secrets."""

    ALL = "all"
    REFUSALS = "those that refuse what was sent (422)"
    NOTHING = "none; fields that one names are named"


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response: status code, headers (asked for in lower case), and the parsed body; None if it is not JSON."""

    status: int
    headers: Mapping[str, str]
    body: Any


def parse_body(content: bytes) -> Any:
    """The JSON value of a body; None if it is not valid JSON, nested too deep, or contains NaN or infinity."""
    try:
        return None if is_too_deep(content) else json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def is_conclusive(answer: Response) -> bool:
    """True for a response of a working server, even if it refuses; False for 5xx, redirects, and 2xx without JSON."""
    if answer.status < 300:  # noqa: PLR2004 (HTTP: success)
        return answer.body is not None or answer.status == 204  # noqa: PLR2004 (HTTP: no content)
    return 400 <= answer.status < 500  # noqa: PLR2004 (HTTP: the client's errors)


def retry_after(answer: Response, now: datetime) -> float | None:
    """Seconds that the server asks to wait (``Retry-After``, seconds or a date), or None if it says nothing usable.

    Args:
        answer: the response.
        now: the time that a date is compared with.
    """
    text = answer.headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS:
        return min(_MAX_RETRY_AFTER, float(text))
    date = bounded_date(text)
    return None if date is None else min(_MAX_RETRY_AFTER, max(0.0, (date - now).total_seconds()))


def error_from_response(
    answer: Response, call: str, *, now: datetime, secrets: tuple[str, ...] = (), quoting: Quoting = Quoting.ALL
) -> SyncOperatorError:
    """The error for a response outside 2xx.

    Args:
        answer: the response.
        call: method and path, for the message.
        now: the time that a date in ``Retry-After`` is compared with.
        secrets: values that must not appear in the message.
        quoting: which responses the message may quote.
    """
    found = _details(answer.body)
    own, *redacted = redact_each((_server_message(answer.body), *found.keys(), *found.values()), secrets=secrets)
    details = dict(zip(redacted[: len(found)], redacted[len(found) :], strict=True))
    [words] = redact_each([": ".join(part for part in (own, _format_details(details)) if part)])
    quoted = quoting is Quoting.ALL or (quoting is Quoting.REFUSALS and answer.status == _REFUSED)
    details = details if quoted else {}
    said = f"{call} was answered with {answer.status}{_quoted(words) if quoted else _named_fields(found)}"
    match answer.status:
        case 401:
            return UnauthorizedError(
                f"{said}; the token is wrong or has ended: put a valid one into the Secret of spec.auth"
            )
        case 403 if answer.body is None:
            return ForbiddenError(f"{said} and no reason, as when the server does not answer to this host name")
        case 403:
            return ForbiddenError(f"{said}; give the token's user a role that may do this")
        case 404 | 405 if answer.body is None:
            return UnsupportedEndpointError(
                f"{said} and no reason: what answered there does not know this call of the API"
            )
        case 404:
            return NotFoundError(said)
        case 424:
            return FailedPreconditionError(_precondition_failure(words), said)
        case 429:
            return ThrottledError(said, retry_after=retry_after(answer, now))
        case 422:
            return _refused_body(said, words, details)
        case 400:
            return _bad_request(answer, said, words, details)
        case status if 300 <= status < 400:  # noqa: PLR2004 (HTTP: redirects)
            return TransientError(f"{said}: a redirect, which is never followed; name the final URL in spec.url")
        case status if status >= 500 or status in _RETRYABLE_4XX:  # noqa: PLR2004 (HTTP: the server's own trouble)
            return ServerFaultError(said) if status == 500 else TransientError(said)  # noqa: PLR2004 (its own answer)
        case _:
            return RejectedError(said, details=details)


def _bad_request(answer: Response, said: str, words: str, details: dict[str, str]) -> SyncOperatorError:
    """The error for a 400: E1 (invalid body) or E2 (any failure in the action, distinguished by its message)."""
    if isinstance(answer.body, dict) and isinstance(answer.body.get("errors"), dict):
        return RejectedError(said, details=details)
    if words.endswith("Workspace not found"):
        return UnknownWorkspaceError(
            f"{said}; set spec.workspaceId to the id of a workspace that the token's user is a member of"
        )
    if "cannot transition" in words:
        return FailedPreconditionError(PreconditionFailure.ALREADY_SO, said)
    if "is not a valid" in words:
        return RejectedError(said, details=details)
    return ServerFaultError(said)


def _refused_body(said: str, words: str, details: dict[str, str]) -> RejectedError:
    """The error for a 422."""
    if _NAME_TAKEN in words:
        return NameTakenError(f"{said}: something else of that type has this name on the server already")
    return RejectedError(said, details=details, retryable=any(word in words.lower() for word in _TRANSIENT_CODES))


def _quoted(words: str) -> str:
    return f": {words}" if words else ""


def _named_fields(found: Mapping[str, str]) -> str:
    """Which fields of a manifest a response is about, as the end of a sentence that quotes nothing of it."""
    words = (word for path in found for word in _WORD.findall(path))
    names = [f"spec.{camel(word)}" for word in dict.fromkeys(words) if word in _PIPELINE_FIELDS]
    return f" about {', '.join(names)}" if names else ""


def _precondition_failure(words: str) -> PreconditionFailure:
    return next((state for text, state in _PRECONDITION_MESSAGES if text in words), PreconditionFailure.OTHER)


def _server_message(body: Any) -> str:
    """The server's own message, unchanged; messages about single fields are in `_details`."""
    if isinstance(body, dict) and isinstance(body.get("errors"), dict):
        return ""
    return bounded_text(_message_text(body))


def _message_text(value: Any) -> str:
    """The words in a value of a refusal, wherever servers write them; no more than the first of a list."""
    match value:
        case str():
            return value
        case list():
            return "; ".join(filter(None, map(_message_text, value[:_MAX_MESSAGES])))
        case dict():
            return next(filter(None, (_message_text(value.get(name)) for name in _MESSAGE_KEYS)), "")
        case _:
            return ""


def _format_details(details: Mapping[str, str]) -> str:
    """What is said of single fields, by the names they have in the manifest; the catalog is not a field of it."""
    return ", ".join(f"{_manifest_path(path)}{text}" for path, text in details.items())


def _manifest_path(path: str) -> str:
    """How the manifest names a field of the API; by the API's own name what is none of the manifest's fields."""
    if path in _NO_FIELDS:
        return ""
    field, *rest = path.split("/")
    field = REFERENCE_FIELDS.get(field, field)
    return f"{'/'.join((f'spec.{camel(field)}', *rest)) if field in _SPEC_FIELDS else path} "


def _details(body: Any) -> dict[str, str]:
    """Field → first message, of the first fields: from E1 (nested) and from the ``source`` of a 422.

    A field within another is written with the path to it, such as ``configuration/0/to``.
    """
    if not isinstance(body, dict):
        return {}
    errors, error = body.get("errors"), body.get("error")
    first = errors[0] if isinstance(errors, list) and errors else error
    if isinstance(errors, dict):
        sync = errors.get("sync")
        return _flatten(sync if isinstance(sync, dict) else errors)
    if not isinstance(first, dict):
        return {}
    source = first.get("source")
    if isinstance(source, dict):
        return {} if "pointer" in source else _flatten(source)
    return {} if _message_text(first) else _flatten(first)


def _flatten(errors: Mapping[str, Any]) -> dict[str, str]:
    """Field → its first message, at any depth; no more than `_MAX_DETAILS` fields."""
    found: dict[str, str] = {}
    waiting = list(reversed(list(errors.items())))
    while waiting and len(found) < _MAX_DETAILS:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend((f"{path}/{field}", inner) for field, inner in reversed(list(value.items())))
        else:
            first = value[0] if isinstance(value, list) and value else value
            found[bounded_text(path, _MAX_DETAIL)] = bounded_text(first, _MAX_DETAIL)
    return found
