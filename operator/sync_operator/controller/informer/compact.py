"""Trims objects before they are cached: as Python objects, ten thousand Syncs with their CronJobs take 400 MB."""

import sys
from collections.abc import Mapping
from typing import Any, Final

from sync_operator.api.constants import CONNECTOR_KIND, GROUP, MODEL_KIND, SYNC_KIND
from sync_operator.domain.scheduling.field_ownership import applied_fields
from sync_operator.util.bounds import bounded_token
from sync_operator.util.packed_json import Outgrown, Text, packed

__all__ = ["expand", "trim", "trimmed_metadata"]

_PACKED: Final = "text"
_FREE_FORM: Final = "configuration"
"""The only field of a spec without a schema."""
_RECENT_RUNS: Final = "recentRuns"
_MAX_SHARED_LENGTH: Final = 32
_REGISTERED: Final = frozenset({SYNC_KIND, CONNECTOR_KIND, MODEL_KIND})
"""Kinds that are registered on servers."""
_IDENTITY: Final = ("namespace", "name", "uid", "resourceVersion")


def trim(kind: str, obj: dict[str, Any], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The object as it is cached, always with its identity in ``metadata``; a packed CronJob is returned unchanged.

    A CronJob is packed as JSON text, and of its ``managedFields`` only the fields that we apply are kept. A Job loses
    its spec. Of what is registered on servers, recent runs and configuration are packed as text, and a configuration
    that is too large is dropped. Of its annotations only our own are kept, each of bounded length: others repeat the
    whole manifest.

    Args:
        kind: kind of the object.
        obj: the object as the API server returns it.
        before: the cached earlier state; its spec is reused if the generation shows that it has not changed.
    """
    if _PACKED in obj:
        return obj
    metadata = trimmed_metadata(kind, obj)
    match kind:
        case "CronJob":
            identity = {name: metadata[name] for name in _IDENTITY}
            return {"metadata": identity, _PACKED: Text.of(obj | {"metadata": metadata})}
        case "Job":
            obj = {name: value for name, value in obj.items() if name != "spec"}
        case str() if kind in _REGISTERED and "spec" in obj:
            obj = _with_packed_runs(obj | {"spec": _with_packed_configuration(obj["spec"])})
    same = {"spec": before["spec"]} if before is not None and _has_same_spec(obj, before) else {}
    rest = {name: value for name, value in obj.items() if name not in same} | {"metadata": metadata}
    kept: dict[str, Any] = _interned(rest)
    return kept | same


def trimmed_metadata(kind: str, obj: Mapping[str, Any]) -> dict[str, Any]:
    """An object's metadata as it is cached."""
    metadata = {name: value for name, value in obj["metadata"].items() if name != "managedFields"}
    if kind == "CronJob" and (ours := applied_fields(obj["metadata"])) is not None:
        metadata["managedFields"] = [ours]
    annotations = metadata.get("annotations")
    if kind in _REGISTERED and annotations:
        metadata["annotations"] = {
            name: bounded_token(value) for name, value in annotations.items() if name.startswith(f"{GROUP}/")
        }
    return metadata


def expand(kept: dict[str, Any]) -> dict[str, Any]:
    """Unpack a cached object; what `trim` dropped stays missing."""
    text: Text | None = kept.get(_PACKED)
    if text is None:
        runs = kept.get("status", {}).get(_RECENT_RUNS)
        return kept | {"status": kept["status"] | {_RECENT_RUNS: runs.read()}} if isinstance(runs, Text) else kept
    obj: dict[str, Any] = text.read()
    return obj


def _with_packed_configuration(spec: Any) -> Any:
    """A spec with its configuration packed as text, or replaced by a marker if it is too large."""
    if not isinstance(spec, dict) or isinstance(spec.get(_FREE_FORM), Text | Outgrown | None):
        return spec
    return spec | {_FREE_FORM: packed(spec[_FREE_FORM])}


def _with_packed_runs(sync: dict[str, Any]) -> dict[str, Any]:
    """A Sync with its recent runs packed as text: they are most of its status, and read only when a run has ended."""
    runs = sync.get("status", {}).get(_RECENT_RUNS)
    return sync | {"status": sync["status"] | {_RECENT_RUNS: Text.of(runs)}} if isinstance(runs, list) else sync


def _has_same_spec(obj: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """True if two states of one object have the same spec: a change of it increments the generation."""
    now, then = obj["metadata"], before["metadata"]
    same = "generation" in now and all(now[name] == then.get(name) for name in ("uid", "generation"))
    return same and "spec" in before


def _interned(value: Any) -> Any:
    """Intern all keys and short strings, so that objects share them.

    The recursion is as deep as the schemas of our kinds and of built-in ones: fields of arbitrary depth were packed
    before.
    """
    if isinstance(value, str):
        return sys.intern(value) if len(value) <= _MAX_SHARED_LENGTH else value
    if isinstance(value, dict):
        return {sys.intern(key): _interned(item) for key, item in value.items()}
    return [_interned(item) for item in value] if isinstance(value, list) else value
