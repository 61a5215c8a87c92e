"""What of an object is kept in memory: as Python objects, ten thousand Syncs with their CronJobs take 400 MB."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Text", "slim", "whole"]

_TEXT: Final = "text"
_LONGEST_SHARED: Final = 32
_IDENTITY: Final = ("namespace", "name", "uid", "resourceVersion")


@dataclass(frozen=True, slots=True)
class Text:
    """A JSON value as text, a seventh as large, for what is looked at now and then."""

    text: bytes

    @classmethod
    def of(cls, value: Any) -> "Text":
        """Write it."""
        return cls(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())

    def read(self) -> Any:
        """Read it anew: nobody else has the result."""
        return json.loads(self.text)


def slim(kind: str, obj: dict[str, Any], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The part of an object that is kept, always with its identity in ``metadata``; of a slim one, itself.

    Of a CronJob all is kept, as text; of a Job what a person would look for to learn how it went. Nobody reads
    ``managedFields``.

    Args:
        kind: of the object.
        obj: as the API server returns it.
        before: what is kept of an earlier state; its spec is kept on where the generation says that it is the same.
    """
    if _TEXT in obj:
        return obj
    metadata = {name: value for name, value in obj["metadata"].items() if name != "managedFields"}
    match kind:
        case "CronJob":
            identity = {name: metadata[name] for name in _IDENTITY}
            return {"metadata": identity, _TEXT: Text.of(obj | {"metadata": metadata})}
        case "Job":
            obj = {name: value for name, value in obj.items() if name != "spec"}
    same = {"spec": before["spec"]} if before is not None and _has_spec_of(obj, before) else {}
    rest = {name: value for name, value in obj.items() if name not in same} | {"metadata": metadata}
    kept: dict[str, Any] = _shared(rest)
    return kept | same


def whole(kept: dict[str, Any]) -> dict[str, Any]:
    """The object again, as far as it was kept."""
    text: Text | None = kept.get(_TEXT)
    if text is None:
        return kept
    obj: dict[str, Any] = text.read()
    return obj


def _has_spec_of(obj: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """True for two states of one object between which its spec has not changed, as that makes a new generation."""
    now, then = obj["metadata"], before["metadata"]
    same = "generation" in now and all(now[name] == then.get(name) for name in ("uid", "generation"))
    return same and "spec" in before


def _shared(value: Any) -> Any:
    """The same with one copy of each key and each short text, however many objects have it."""
    if isinstance(value, str):
        return sys.intern(value) if len(value) <= _LONGEST_SHARED else value
    if isinstance(value, dict):
        return {sys.intern(key): _shared(item) for key, item in value.items()}
    return [_shared(item) for item in value] if isinstance(value, list) else value
