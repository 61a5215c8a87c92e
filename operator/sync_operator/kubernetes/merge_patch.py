"""JSON merge patches (RFC 7386). Pure."""

from collections.abc import Mapping
from typing import Any

__all__ = ["merge_patch"]


def merge_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The smallest merge patch that turns ``before`` into ``after``; empty if they are equal."""
    patch: dict[str, Any] = {name: None for name in before if name not in after}
    for name, value in after.items():
        held = before.get(name)
        if name in before and held == value:
            continue
        both = isinstance(held, Mapping) and isinstance(value, Mapping)
        patch[name] = merge_patch(held or {}, value) if both else value
    return patch
