"""Time zones that Kubernetes accepts: those of the IANA database, in its exact spelling.

They are read from the `tzdata` package only. `ZoneInfo(name)` would prefer the machine's files, whose version differs
between nodes and laptops, so that the same Sync would have different next runs.
"""

import re
from datetime import UTC, tzinfo
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

__all__ = ["load_zone", "validate_zone"]


_OFFSET: Final = re.compile(r"(?:UTC|GMT) ?([+-])([0-9]{1,2})(?::?00)?", re.IGNORECASE)


def validate_zone(name: str) -> None:
    """Check the name of a time zone.

    Raises:
        ValueError: there is no such time zone; suggests one that may be meant.
    """
    known = _names()
    if name in known:
        return
    if offset := _OFFSET.fullmatch(name):
        corrected = f"Etc/GMT{'-' if offset[1] == '+' else '+'}{int(offset[2])}"
        region = "a region such as Europe/Berlin, which knows summer time"
        hint = (
            f"write {region}, or {corrected!r}: there the signs are turned round"
            if corrected in known
            else f"write {region}"
        )
        raise ValueError(f"{name!r} is not a time zone that Kubernetes knows; {hint}")
    folded = {zone.lower(): zone for zone in known}
    near = [folded[match] for match in get_close_matches(name.lower(), folded, n=1)]
    hint = f"did you mean {near[0]!r}?" if near else "write an IANA name such as Europe/Berlin, or Etc/UTC"
    raise ValueError(f"{name!r} is not a time zone that Kubernetes knows; {hint}")


@cache
def load_zone(name: str) -> tzinfo:
    """The rules of a time zone that `validate_zone` has accepted."""
    if name == "Etc/UTC":
        return UTC  # the zone of every interval; much faster than a ZoneInfo
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, name)


@cache
def _names() -> frozenset[str]:
    return frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split())
