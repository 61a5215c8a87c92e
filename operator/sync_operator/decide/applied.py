"""What has become of a CronJob that was applied: what others changed since, and what the API server made it. Pure.

Server-side apply notes in ``metadata.managedFields`` whose a field is. One that somebody else changes is no longer
ours, and the next apply takes it back. One that an admission policy changes while we apply it stays ours, and no apply
can change it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sync_operator.decide.actions import ApplyCronJob
from sync_operator.model.names import APPLIED, FIELD_MANAGER
from sync_operator.model.quantity import amount

__all__ = ["Difference", "applied_fields", "differences", "is_applied", "restored", "stays_different"]

MAX_PLACES: Final = 5
"""Fields that a message names."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of a live CronJob that is not as we apply it.

    Attributes:
        place: its path; an element of a list by its name.
        stays: no apply changes it. An admission policy made it so, or it was added beside what we apply.
    """

    place: str
    stays: bool


def differences(applied: Mapping[str, Any], live: Mapping[str, Any]) -> tuple[Difference, ...]:
    """What of a live CronJob is not as in the manifest; fields that others added to an object do not matter."""
    ours = applied_fields(live["metadata"])
    owned = ours["fieldsV1"] if ours is not None else None
    return tuple(
        difference
        for part in ("metadata", "spec")
        for difference in _differences(applied[part], live[part], _below(owned, f"f:{part}"), part)
    )


def is_applied(manifest: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """True when it is what was applied last, whatever has become of it since."""
    mark: str = manifest["metadata"]["annotations"][APPLIED]
    found: str | None = live["metadata"].get("annotations", {}).get(APPLIED)
    return found == mark


def restored(action: ApplyCronJob, live: Mapping[str, Any]) -> str:
    """What of others an apply has undone, for people; empty where that is nothing.

    Args:
        action: what was carried out.
        live: the CronJob as it is since then.
    """
    if action.lost:
        return f"CronJob {action.name} was deleted from outside and made again"
    still = {difference.place for difference in differences(action.manifest, live)}
    back = [place for place in action.foreign if place not in still]
    return f"CronJob {action.name}: {_listed(back)} was changed from outside and put back" if back else ""


def stays_different(manifest: Mapping[str, Any], live: Mapping[str, Any]) -> str:
    """What of an applied CronJob others have otherwise for good, for people; empty where that is nothing."""
    if not is_applied(manifest, live):
        return ""
    places = [difference.place for difference in differences(manifest, live) if difference.stays]
    if not places:
        return ""
    name = manifest["metadata"]["name"]
    return f"an admission policy or another writer changes {_listed(places)} of CronJob {name}, and no apply undoes it"


def _listed(places: list[str]) -> str:
    more = len(places) - MAX_PLACES
    return ", ".join(places[:MAX_PLACES]) + (f" and {more} more" if more > 0 else "")


def applied_fields(metadata: Mapping[str, Any]) -> dict[str, Any] | None:
    """The entry of ``metadata.managedFields`` with the fields that are ours by server-side apply."""
    ours = (FIELD_MANAGER, "Apply", None)
    for entry in metadata.get("managedFields", ()):
        if (entry.get("manager"), entry.get("operation"), entry.get("subresource")) == ours:
            found: dict[str, Any] = entry
            return found
    return None


def _below(owned: Mapping[str, Any] | None, key: str) -> Mapping[str, Any] | None:
    """Whose a part of a field is. A field without parts is owned as a whole."""
    return owned.get(key) if owned else owned


def _differences(
    wanted: Any, found: Any, owned: Mapping[str, Any] | None, place: str, *, quantity: bool = False
) -> Iterator[Difference]:
    if wanted == found:
        return
    if isinstance(wanted, dict) and isinstance(found, Mapping):
        for key, value in wanted.items():
            inner, quantities = _below(owned, f"f:{key}"), quantity or key == "resources"
            yield from _differences(value, found.get(key), inner, f"{place}.{key}", quantity=quantities)
    elif isinstance(wanted, list) and isinstance(found, list) and _has_keys(owned):
        yield from _elements(wanted, found, owned or {}, place)
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for number, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from _differences(one, other, owned, f"{place}[{number}]", quantity=quantity)
    elif not (quantity and amount(wanted) is not None and amount(wanted) == amount(found)):
        yield Difference(place, stays=owned is not None)


def _has_keys(owned: Mapping[str, Any] | None) -> bool:
    return any(key.startswith("k:") for key in owned or ())


def _elements(wanted: list[Any], found: list[Any], owned: Mapping[str, Any], place: str) -> Iterator[Difference]:
    """Compare a list whose elements are known by some of their fields, as the containers of a pod are by name."""
    keys = [(json.loads(key.removeprefix("k:")), fields) for key, fields in owned.items() if key.startswith("k:")]
    ours = set[int]()
    for element in wanted:
        key, fields = next(((key, fields) for key, fields in keys if _has(element, key)), (None, None))
        index = next((index for index, other in enumerate(found) if key is not None and _has(other, key)), None)
        if key is None or index is None:
            # Others took it out, or one of its keys; where it is still ours, an admission policy did.
            yield Difference(place, stays=key is not None)
            continue
        ours.add(index)
        yield from _differences(element, found[index], fields, f"{place}[{'/'.join(map(str, key.values()))}]")
    if len(ours) == len(wanted) < len(found):
        names = (other.get("name") if isinstance(other, Mapping) else None for other in found)
        added = [name or index for index, name in enumerate(names) if index not in ours]
        yield Difference(f"{place}[{', '.join(map(str, added))}]", stays=True)


def _has(element: Any, key: Mapping[str, Any]) -> bool:
    return isinstance(element, Mapping) and all(element.get(name) == value for name, value in key.items())
