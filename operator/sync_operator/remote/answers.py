"""From the server's refusals, told apart by their shape (contract section 2), to the error tree."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sync_operator.bounds import bounded_date, bounded_text, is_too_deep
from sync_operator.errors import (
    ForbiddenError,
    NoSuchCallError,
    NotFoundError,
    RejectedError,
    ServerFaultError,
    ServerState,
    StateError,
    SyncOperatorError,
    ThrottledError,
    TransientError,
    UnauthorizedError,
    WorkspaceError,
)
from sync_operator.redact import redact_each

__all__ = ["BELONGINGS", "Answer", "camel", "is_usable", "parse_body", "refusal", "retry_after"]

_STATES: Final = (
    ("due to no active sync run", ServerState.NO_RUN_ACTIVE),
    ("due to active sync run", ServerState.RUN_ACTIVE),
    ("is disabled", ServerState.DISABLED),
    ("should be manual", ServerState.NOT_MANUAL),
)
_HEALING: Final = ("catalog is missing", "must exist")
BELONGINGS: Final = {"source": "source_id", "destination": "destination_id", "model": "model_id"}
"""The names under which the server's models refuse an id that names nothing, and the API fields that hold the id."""
_MAX_WAIT: Final = 24 * 3600.0
"""Seconds: a server that asks for more means "not now" all the same."""
_MAX_DIGITS: Final = 9
_MAX_DETAILS: Final = 16
"""Fields that a refusal names; one that names more is read no further."""
_MAX_DETAIL: Final = 512
_LATER: Final = frozenset({408, 425})
"""Client errors by number, but the server only means: not now."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: HTTP status, headers (lower case), and the parsed body, None where it is not JSON."""

    status: int
    headers: Mapping[str, str]
    body: Any


def parse_body(content: bytes) -> Any:
    """The JSON value of a body; None where it is none, or one that nobody writes (too many levels, endless numbers)."""
    try:
        return None if is_too_deep(content) else json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def is_usable(answer: Answer) -> bool:
    """True for an answer of a server that works, also when it refuses; 5xx, redirects and pages are none."""
    if answer.status < 300:  # noqa: PLR2004 (HTTP: success)
        return answer.body is not None or answer.status == 204  # noqa: PLR2004 (HTTP: no content)
    return 400 <= answer.status < 500  # noqa: PLR2004 (HTTP: the client's errors)


def retry_after(answer: Answer, now: datetime) -> float | None:
    """Seconds that the server asks to wait (``Retry-After``, seconds or a date), or None when it says nothing usable.

    Args:
        answer: what the server said.
        now: what a date is compared with.
    """
    text = answer.headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS:
        return min(_MAX_WAIT, float(text))
    date = bounded_date(text)
    return None if date is None else min(_MAX_WAIT, max(0.0, (date - now).total_seconds()))


def refusal(
    answer: Answer, call: str, *, now: datetime, secrets: tuple[str, ...] = (), quoted: bool = True
) -> SyncOperatorError:
    """The error that an answer outside 2xx stands for.

    Args:
        answer: what the server said.
        call: method and path, for the message.
        now: for a ``Retry-After`` that names a date.
        secrets: values that must not appear in the message.
        quoted: False where nothing of the answer may appear in it.
    """
    found = _details(answer.body)
    own, *shown = redact_each((_own_words(answer.body), *found.keys(), *found.values()), secrets=secrets)
    details = dict(zip(shown[: len(found)], shown[len(found) :], strict=True))
    [words] = redact_each([": ".join(part for part in (own, _fields(details)) if part)])
    details = details if quoted else {}
    said = f"{call} was answered with {answer.status}" + (f": {words}" if words and quoted else "")
    match answer.status:
        case 401:
            return UnauthorizedError(f"{said}; the token is wrong or has ended: put a valid one into the Secret")
        case 403 if answer.body is None:
            return ForbiddenError(f"{said} and no reason, as when the server does not answer to this host name")
        case 403:
            return ForbiddenError(f"{said}; give the token's user a role that may do this")
        case 404 | 405 if answer.body is None:
            return NoSuchCallError(f"{said} and no reason: what answered there does not know this call of the API")
        case 404:
            return NotFoundError(said)
        case 424:
            return StateError(_state(words), said)
        case 429:
            return ThrottledError(said, retry_after=retry_after(answer, now))
        case 422:
            return RejectedError(said, details=details, may_heal=any(word in words.lower() for word in _HEALING))
        case 400:
            return _bad_request(answer, said, words, details)
        case status if 300 <= status < 400:  # noqa: PLR2004 (HTTP: redirects)
            return TransientError(f"{said}: a redirect, which is never followed; name the final URL in spec.url")
        case status if status >= 500 or status in _LATER:  # noqa: PLR2004 (HTTP: the server's own trouble)
            return ServerFaultError(said) if status == 500 else TransientError(said)  # noqa: PLR2004 (its own answer)
        case _:
            return RejectedError(said, details=details)


def _bad_request(answer: Answer, said: str, words: str, details: dict[str, str]) -> SyncOperatorError:
    """400 is E1 (the body is wrong) or E2 (any trouble in the action, told apart by its words)."""
    if isinstance(answer.body, dict) and isinstance(answer.body.get("errors"), dict):
        return RejectedError(said, details=details)
    if words.endswith("Workspace not found"):
        return WorkspaceError(f"{said}; check spec.workspaceId and that the token's user is a member of it")
    if "cannot transition" in words:
        return StateError(ServerState.ALREADY_SO, said)
    if "is not a valid" in words:
        return RejectedError(said, details=details)
    return ServerFaultError(said)


def _state(words: str) -> ServerState:
    return next((state for text, state in _STATES if text in words), ServerState.OTHER)


def _own_words(body: Any) -> str:
    """The server's own words, as they are."""
    if not isinstance(body, dict):
        return ""
    errors = body.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return bounded_text(errors[0].get("detail") or errors[0].get("title"))
    said = next((body[name] for name in ("error", "message") if isinstance(body.get(name), str)), "")
    return bounded_text(said)


def _fields(details: Mapping[str, str]) -> str:
    """What is said of single fields, by the names they have in the manifest; the catalog is no field of it."""
    return ", ".join(
        text if field == "catalog" else f"spec.{camel(BELONGINGS.get(field, field))} {text}"
        for field, text in details.items()
    )


def _details(body: Any) -> dict[str, str]:
    """Field → first message, of the first fields: from E1 (nested) and from the ``source`` of a 422."""
    errors = body.get("errors") if isinstance(body, dict) else None
    if isinstance(errors, dict):
        return _flatten(errors)
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        source = errors[0].get("source")
        if isinstance(source, dict) and "pointer" not in source:
            return _flatten(source)
    return {}


def _flatten(errors: Mapping[str, Any]) -> dict[str, str]:
    """Fields and what is said of each, however deep they are; no more than `_MAX_DETAILS`."""
    found: dict[str, str] = {}
    waiting = list(reversed(list(errors.items())))
    while waiting and len(found) < _MAX_DETAILS:
        field, value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(reversed(list(value.items())))
        else:
            first = value[0] if isinstance(value, list) and value else value
            found[bounded_text(field, _MAX_DETAIL)] = bounded_text(first, _MAX_DETAIL)
    return found


def camel(field: str) -> str:
    """A field of the API by its name in the manifest."""
    first, *rest = field.split("_")
    return first + "".join(word.capitalize() for word in rest)
