"""Durations in Go's notation (``1h30m``, ``90s``), as Kubernetes users write them."""

import re
from datetime import timedelta
from functools import lru_cache

__all__ = ["DURATION_PATTERN", "format_duration", "parse_duration"]

DURATION_PATTERN = r"^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$"
"""What the CRDs accept; an empty string is excluded there by ``minLength``."""

_PARTS = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", re.ASCII)


@lru_cache(maxsize=1024)  # many Syncs have the same ones
def parse_duration(text: str) -> timedelta:
    """Parse a duration of whole hours, minutes and seconds.

    Raises:
        ValueError: the text is empty, has another form, or is zero.
    """
    match = _PARTS.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"{text!r} is not a duration; write it like 1h30m, 45m or 90s")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    duration = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if not duration:
        raise ValueError(f"{text!r} is zero; a duration here must be longer")
    return duration


def format_duration(duration: timedelta) -> str:
    """The inverse of `parse_duration`: a duration of whole seconds as text, largest unit first."""
    total = int(duration.total_seconds())
    parts = ((total // 3600, "h"), (total % 3600 // 60, "m"), (total % 60, "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"
