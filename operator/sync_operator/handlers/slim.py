"""What of an object is kept in memory: as Python objects, ten thousand Syncs with their CronJobs take 400 MB."""

import sys
from collections.abc import Mapping
from typing import Any, Final

from sync_operator.bounds import bounded_token
from sync_operator.decide.applied import applied_fields
from sync_operator.model.names import GROUP, SYNC_KIND
from sync_operator.packed import Outgrown, Text, packed

__all__ = ["kept_metadata", "slim", "whole"]

_TEXT: Final = "text"
_OPEN: Final = "configuration"
"""The one field of a spec that may hold anything."""
_RUNS: Final = "recentRuns"
_LONGEST_SHARED: Final = 32
_IDENTITY: Final = ("namespace", "name", "uid", "resourceVersion")


def slim(kind: str, obj: dict[str, Any], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The part of an object that is kept, always with its identity in ``metadata``; of a slim one, itself.

    Of a CronJob all is kept, as text; of a Job what a person would look for to learn how it went. Of a Sync recent runs
    and configuration are kept as text, a configuration that is too large not at all, and of its annotations our own,
    each of bounded length: others hold the whole manifest once more. Of a CronJob's ``managedFields`` those are kept
    that we apply.

    Args:
        kind: of the object.
        obj: as the API server returns it.
        before: what is kept of an earlier state; its spec is kept on where the generation says that it is the same.
    """
    if _TEXT in obj:
        return obj
    metadata = kept_metadata(kind, obj)
    match kind:
        case "CronJob":
            identity = {name: metadata[name] for name in _IDENTITY}
            return {"metadata": identity, _TEXT: Text.of(obj | {"metadata": metadata})}
        case "Job":
            obj = {name: value for name, value in obj.items() if name != "spec"}
        case str() if kind == SYNC_KIND and "spec" in obj:
            obj = _with_runs_as_text(obj | {"spec": _bounded(obj["spec"])})
    same = {"spec": before["spec"]} if before is not None and _has_spec_of(obj, before) else {}
    rest = {name: value for name, value in obj.items() if name not in same} | {"metadata": metadata}
    kept: dict[str, Any] = _shared(rest)
    return kept | same


def kept_metadata(kind: str, obj: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an object's metadata that is kept."""
    metadata = {name: value for name, value in obj["metadata"].items() if name != "managedFields"}
    if kind == "CronJob" and (ours := applied_fields(obj["metadata"])) is not None:
        metadata["managedFields"] = [ours]
    annotations = metadata.get("annotations")
    if kind == SYNC_KIND and annotations:
        metadata["annotations"] = {
            name: bounded_token(value) for name, value in annotations.items() if name.startswith(f"{GROUP}/")
        }
    return metadata


def whole(kept: dict[str, Any]) -> dict[str, Any]:
    """The object again, as far as it was kept."""
    text: Text | None = kept.get(_TEXT)
    if text is None:
        runs = kept.get("status", {}).get(_RUNS)
        return kept | {"status": kept["status"] | {_RUNS: runs.read()}} if isinstance(runs, Text) else kept
    obj: dict[str, Any] = text.read()
    return obj


def _bounded(spec: Any) -> Any:
    """The spec of a Sync with its configuration as text, or as a note that it is too large."""
    if not isinstance(spec, dict) or isinstance(spec.get(_OPEN), Text | Outgrown | None):
        return spec
    return spec | {_OPEN: packed(spec[_OPEN])}


def _with_runs_as_text(sync: dict[str, Any]) -> dict[str, Any]:
    """A Sync with its recent runs as text: they are most of its status, and looked at only when one more has ended."""
    runs = sync.get("status", {}).get(_RUNS)
    return sync | {"status": sync["status"] | {_RUNS: Text.of(runs)}} if isinstance(runs, list) else sync


def _has_spec_of(obj: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """True for two states of one object between which its spec has not changed, as that makes a new generation."""
    now, then = obj["metadata"], before["metadata"]
    same = "generation" in now and all(now[name] == then.get(name) for name in ("uid", "generation"))
    return same and "spec" in before


def _shared(value: Any) -> Any:
    """The same with one copy of each key and each short text, however many objects have it.

    Its depth is that of our kinds and of the API server's own: what may be nested at will was taken out before.
    """
    if isinstance(value, str):
        return sys.intern(value) if len(value) <= _LONGEST_SHARED else value
    if isinstance(value, dict):
        return {sys.intern(key): _shared(item) for key, item in value.items()}
    return [_shared(item) for item in value] if isinstance(value, list) else value
