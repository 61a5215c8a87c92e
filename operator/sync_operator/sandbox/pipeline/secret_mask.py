"""How the server masks the secrets of a connector's configuration in its answers (contract, part two, section 4)."""

from collections.abc import Set as AbstractSet
from typing import Any, Final

__all__ = ["MASK", "holds_mask", "mask_secrets"]

MASK: Final = "*" * 13


def mask_secrets(value: Any, secret_names: AbstractSet[str]) -> Any:
    """The value with each secret masked: by the bare name of its key, at any depth, whatever it holds."""
    if isinstance(value, list):
        return [mask_secrets(entry, secret_names) for entry in value]
    if isinstance(value, dict):
        return {
            name: MASK if name in secret_names else mask_secrets(inner, secret_names) for name, inner in value.items()
        }
    return value


def holds_mask(value: Any) -> bool:
    """True if the mask was stored as a value, as by the product's edit page: no connection works with it."""
    if isinstance(value, list):
        return any(holds_mask(entry) for entry in value)
    if isinstance(value, dict):
        return any(holds_mask(entry) for entry in value.values())
    return bool(value == MASK)
