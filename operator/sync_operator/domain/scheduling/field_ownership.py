"""External changes to an applied CronJob, found by field ownership. Pure.

Server-side apply records the owner of each field in ``metadata.managedFields``. A field changed by another writer is no
longer ours, and the next apply reverts it. A field changed by an admission policy during our apply stays ours, and no
apply can revert it.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sync_operator.api.constants import APPLIED_ANNOTATION, FIELD_MANAGER
from sync_operator.api.rules.quantity import parse_quantity
from sync_operator.domain.actions import ApplyCronJob, Difference

__all__ = ["applied_fields", "differences", "is_applied", "restored", "stays_different"]

MAX_PATHS: Final = 5
"""Fields that a message names."""
MAX_VALUE: Final = 60
"""Characters of a value that a message shows."""
MAX_MANAGERS: Final = 2
"""Field managers that a message names for one field."""


def differences(applied: Mapping[str, Any], live: Mapping[str, Any]) -> tuple[Difference, ...]:
    """The fields of a live CronJob that differ from the manifest; fields that others added to an object are ignored."""
    ours = applied_fields(live["metadata"])
    owners = {FIELD_MANAGER: ours["fieldsV1"]} if ours is not None else {}
    owners |= {
        entry["manager"]: entry["fieldsV1"]
        for entry in live["metadata"].get("managedFields", ())
        if entry.get("manager") != FIELD_MANAGER and "subresource" not in entry and "fieldsV1" in entry
    }
    return tuple(
        difference
        for part in ("metadata", "spec")
        for difference in _differences(applied[part], live[part], _below(owners, f"f:{part}"), part)
    )


def is_applied(manifest: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """True if this manifest is the one applied last, even if the CronJob was changed since."""
    mark: str = manifest["metadata"]["annotations"][APPLIED_ANNOTATION]
    found: str | None = live["metadata"].get("annotations", {}).get(APPLIED_ANNOTATION)
    return found == mark


def restored(action: ApplyCronJob, live: Mapping[str, Any]) -> str:
    """Message about the external changes that an apply has reverted; empty if there were none.

    Args:
        action: the action that was carried out.
        live: the CronJob as returned by it.
    """
    if action.lost:
        return (
            f"CronJob {action.name} was deleted from outside and created again; to stop its runs, set spec.suspend to "
            "true instead"
        )
    still = {difference.path for difference in differences(action.manifest, live)}
    back = [f"{change.path}{change.words}" for change in action.foreign if change.path not in still]
    if not back:
        return ""
    return (
        f"CronJob {action.name}: {_listed(back)} was changed from outside and put back; change the spec of this Sync "
        "instead, from which the CronJob is made"
    )


def stays_different(manifest: Mapping[str, Any], live: Mapping[str, Any]) -> str:
    """Message about fields of an applied CronJob that differ and that no apply changes; empty if there are none."""
    if not is_applied(manifest, live):
        return ""
    paths = [difference.path for difference in differences(manifest, live) if difference.stays]
    if not paths:
        return ""
    name = manifest["metadata"]["name"]
    return f"an admission policy or another writer changes {_listed(paths)} of CronJob {name}, and no apply undoes it"


def _listed(paths: list[str]) -> str:
    more = len(paths) - MAX_PATHS
    return ", ".join(paths[:MAX_PATHS]) + (f" and {more} more" if more > 0 else "")


def applied_fields(metadata: Mapping[str, Any]) -> dict[str, Any] | None:
    """Our entry of ``metadata.managedFields`` by server-side apply, or None."""
    ours = (FIELD_MANAGER, "Apply", None)
    for entry in metadata.get("managedFields", ()):
        if (entry.get("manager"), entry.get("operation"), entry.get("subresource")) == ours:
            found: dict[str, Any] = entry
            return found
    return None


type _Owners = Mapping[str, Mapping[str, Any]]
"""Field manager → the parts of a field that it owns, in the format of ``fieldsV1``; empty if it owns the whole."""


def _below(owners: _Owners, key: str) -> dict[str, Mapping[str, Any]]:
    """Owners of a part of a field. The owner of a whole field owns each part."""
    return {manager: parts[key] if parts else parts for manager, parts in owners.items() if not parts or key in parts}


def _differences(
    wanted: Any, found: Any, owners: _Owners, path: str, *, quantity: bool = False
) -> Iterator[Difference]:
    if wanted == found:
        return
    if isinstance(wanted, dict) and isinstance(found, Mapping):
        for key, value in wanted.items():
            inner, quantities = _below(owners, f"f:{key}"), quantity or key == "resources"
            yield from _differences(value, found.get(key), inner, f"{path}.{key}", quantity=quantities)
    elif isinstance(wanted, list) and isinstance(found, list) and _has_keys(owners):
        yield from _elements(wanted, found, owners, path)
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for number, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from _differences(one, other, owners, f"{path}[{number}]", quantity=quantity)
    elif not (quantity and parse_quantity(wanted) is not None and parse_quantity(wanted) == parse_quantity(found)):
        yield Difference(path, stays=FIELD_MANAGER in owners, words=_words(wanted, found, owners, path))


def _words(wanted: Any, found: Any, owners: _Owners, path: str) -> str:
    """Old and new value, and who changed it; without values of environment variables, which may be secret."""
    values = [json.dumps(value, ensure_ascii=False) for value in (wanted, found)]
    plain = all(isinstance(value, str | int | bool) for value in (wanted, found)) and ".env[" not in path
    words = f" from {values[0]} to {values[1]}" if plain and max(map(len, values)) <= MAX_VALUE else ""
    others = [manager for manager in owners if manager != FIELD_MANAGER]
    return f"{words} (by {', '.join(others[:MAX_MANAGERS])})" if others else words


def _has_keys(owners: _Owners) -> bool:
    return any(key.startswith("k:") for key in owners.get(FIELD_MANAGER, ()))


def _elements(wanted: list[Any], found: list[Any], owners: _Owners, path: str) -> Iterator[Difference]:
    """Compare a list of type map, whose elements are identified by key fields, such as containers by name."""
    texts = [text for text in owners[FIELD_MANAGER] if text.startswith("k:")]
    keys = [(json.loads(text.removeprefix("k:")), text) for text in texts]
    ours = set[int]()
    for element in wanted:
        key, text = next(((key, text) for key, text in keys if _has(element, key)), (None, ""))
        index = next((index for index, other in enumerate(found) if key is not None and _has(other, key)), None)
        if key is None or index is None:
            # Somebody removed the element or one of its key fields; if we still own it, an admission policy did.
            yield Difference(path, stays=key is not None)
            continue
        ours.add(index)
        name = "/".join(map(str, key.values()))
        yield from _differences(element, found[index], _below(owners, text), f"{path}[{name}]")
    if len(ours) == len(wanted) < len(found):
        names = (other.get("name") if isinstance(other, Mapping) else None for other in found)
        added = [name or index for index, name in enumerate(names) if index not in ours]
        yield Difference(f"{path}[{', '.join(map(str, added))}]", stays=True)


def _has(element: Any, key: Mapping[str, Any]) -> bool:
    return isinstance(element, Mapping) and all(element.get(name) == value for name, value in key.items())
