"""Kubernetes resource quantities: ``500m``, ``1Gi``, ``1e3``."""

import re
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

__all__ = ["parse_quantity"]

_FACTORS: Final = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(("k", "M", "G", "T", "P", "E"), 1)},
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)},
}
_QUANTITY: Final = re.compile(
    r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(?:[eE]([+-]?[0-9]{1,3})|"
    rf"({'|'.join(sorted(_FACTORS, key=len, reverse=True))}))"
)


def parse_quantity(value: Any) -> Decimal | None:
    """The value of a Kubernetes quantity as a number; None if it is not a quantity."""
    return _parse(str(value))


@lru_cache(maxsize=1024)
def _parse(text: str) -> Decimal | None:
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    factor = Decimal(f"1e{match[2]}") if match[2] else _FACTORS[match[3] or ""]
    return Decimal(match[1]) * factor
