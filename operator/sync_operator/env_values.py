"""Parsers for the values of environment variables. Each error names the variable."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from urllib.parse import urlsplit

from sync_operator.errors import InvalidSettingsError

__all__ = [
    "check_proxy_url",
    "checked_csv",
    "choice",
    "csv",
    "flag",
    "integer",
    "percent",
    "read",
    "required",
    "timestamp",
]


def read[T](env: Mapping[str, str], name: str, parse: Callable[[str], T]) -> T:
    """Parse a variable that is set; a ValueError of ``parse`` becomes an InvalidSettingsError that names it."""
    try:
        return parse(env[name].strip())
    except ValueError as error:
        raise InvalidSettingsError(f"{name}: {error}") from None


def timestamp(text: str) -> datetime:
    """Parse an ISO 8601 time with a UTC offset; ValueError for anything else."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise ValueError(f"{text!r} is not a time like 2026-01-02T03:04:05Z")
    return time


def required(env: Mapping[str, str], name: str, meaning: str) -> str:
    """A value that must be set; ``meaning`` describes it in the error."""
    value = env.get(name, "").strip()
    if not value:
        raise InvalidSettingsError(f"{name}: not set; it must hold {meaning}")
    return value


def csv(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    """A comma-separated list."""
    return tuple(word.strip() for word in env.get(name, "").split(",") if word.strip())


def integer(env: Mapping[str, str], name: str, default: int, *, minimum: int, maximum: int) -> int:
    """A whole number from ``minimum`` to ``maximum``; ``default`` when not set."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and minimum <= int(text) <= maximum):
            raise ValueError(f"{text!r} is not a whole number from {minimum} to {maximum}")
        return int(text)

    return read(env, name, parse) if env.get(name) else default


def percent(env: Mapping[str, str], name: str) -> float:
    """A percentage from 0 to 100; 0 when not set."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value <= 100:  # noqa: PLR2004 (a percentage)
            raise ValueError(f"{text!r} is not a percentage from 0 to 100")
        return value

    return read(env, name, parse) if env.get(name) else 0.0


def choice(env: Mapping[str, str], name: str, default: str, choices: tuple[str, ...]) -> str:
    """One of ``choices``; ``default`` when not set."""
    value = env.get(name) or default
    if value not in choices:
        raise InvalidSettingsError(f"{name}: {value!r} is not one of {', '.join(choices)}")
    return value


def flag(env: Mapping[str, str], name: str) -> bool:
    """``true`` or ``false``; False when not set."""
    return choice(env, name, "false", ("true", "false")) == "true"


def checked_csv(env: Mapping[str, str], name: str, parse: Callable[[str], object]) -> Iterator[str]:
    """Yield the entries of a comma-separated list in lower case, each after ``parse`` has accepted it."""
    for word in csv(env, name):
        try:
            parse(word)
        except ValueError as error:
            raise InvalidSettingsError(f"{name}: {error}") from None
        yield word.lower()


def check_proxy_url(name: str, value: str) -> None:
    """Raise an InvalidSettingsError if the value of a proxy variable is not the URL of a proxy."""
    scheme, separator, _ = value.partition("://")
    if separator and scheme.lower() not in {"http", "https"}:
        raise InvalidSettingsError(f"{name}: a proxy must be an http or https URL, such as http://proxy:3128")
    if not _is_proxy_url(value if separator else f"http://{value}"):
        raise InvalidSettingsError(
            f"{name}: is not the URL of a proxy; write http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, and in "
            "user and password %2F for /, %3F for ?, %23 for # and %40 for @"
        )


def _is_proxy_url(url: str) -> bool:
    """Whether it names a host, and nothing of a login stands where host, port or path are read."""
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return named and url.isascii() and "@" not in parts.path + parts.query + parts.fragment
