"""Values of environment variables, read so that a bad one is told by its name."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from sync_operator.errors import InvalidSettingsError

__all__ = ["choice", "each", "flag", "moment", "number", "percent", "read", "required", "words"]


def read[T](env: Mapping[str, str], name: str, parse: Callable[[str], T]) -> T:
    """What ``parse`` makes of a variable that is set; its ValueError becomes an InvalidSettingsError."""
    try:
        return parse(env[name].strip())
    except ValueError as error:
        raise InvalidSettingsError(f"{name}: {error}") from None


def moment(text: str) -> datetime:
    """An aware time; ValueError for anything else."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise ValueError(f"{text!r} is not a time like 2026-01-02T03:04:05Z")
    return time


def required(env: Mapping[str, str], name: str, meaning: str) -> str:
    """A value that must be there; ``meaning`` says of what."""
    value = env.get(name, "").strip()
    if not value:
        raise InvalidSettingsError(f"{name}: not set; it must hold {meaning}")
    return value


def words(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    """A list, separated by commas."""
    return tuple(word.strip() for word in env.get(name, "").split(",") if word.strip())


def number(env: Mapping[str, str], name: str, default: int, *, low: int, high: int) -> int:
    """A whole number within bounds."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise ValueError(f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    return read(env, name, parse) if env.get(name) else default


def percent(env: Mapping[str, str], name: str) -> float:
    """A percentage; 0 when not set."""

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
    """One of several words."""
    value = env.get(name) or default
    if value not in choices:
        raise InvalidSettingsError(f"{name}: {value!r} is not one of {', '.join(choices)}")
    return value


def flag(env: Mapping[str, str], name: str) -> bool:
    """``true`` or ``false``; False when not set."""
    return choice(env, name, "false", ("true", "false")) == "true"


def each(env: Mapping[str, str], name: str, parse: Callable[[str], object]) -> Iterator[str]:
    """The words of a list, in lower case, once each of them has been read."""
    for word in words(env, name):
        try:
            parse(word)
        except ValueError as error:
            raise InvalidSettingsError(f"{name}: {error}") from None
        yield word.lower()
