"""The spec that ``kubectl apply`` makes of a manifest and of what the cluster holds. Pure."""

import json
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["applied_spec"]

_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"


def applied_spec(spec: Mapping[str, Any], live: Mapping[str, Any]) -> Mapping[str, Any]:
    """The spec after the manifest is applied: with the fields that others have set in the cluster.

    A field that the manifest lacks is only removed if the manifest that was applied last had it. An object that
    ``kubectl apply`` has never written does not tell; its fields are taken for those of an earlier manifest.

    Args:
        spec: the spec of the manifest.
        live: the object in the cluster.
    """
    held = live.get("spec")
    annotations = live.get("metadata", {}).get("annotations") or {}
    try:
        last = json.loads(annotations.get(_LAST_APPLIED, "")).get("spec")
    except (ValueError, AttributeError):
        return spec
    return _merged(spec, last, held) if isinstance(last, Mapping) and isinstance(held, Mapping) else spec


def _merged(new: Mapping[str, Any], last: Mapping[str, Any], held: Mapping[str, Any]) -> dict[str, Any]:
    of_others = {name: value for name, value in held.items() if name not in new and name not in last}
    return of_others | {name: _value(value, last.get(name), held.get(name)) for name, value in new.items()}


def _value(new: Any, last: Any, held: Any) -> Any:
    if not isinstance(new, Mapping) or not isinstance(held, Mapping):
        return new
    return _merged(new, last if isinstance(last, Mapping) else {}, held)
