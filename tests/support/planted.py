"""Secrets that cannot be mistaken for anything else, and the search for them in what the operator wrote."""

import base64
from collections.abc import Iterable
from typing import Final

__all__ = ["AUTHORITY", "CONFIGURATION", "ROTATED", "TOKEN", "found"]

TOKEN: Final = "plantedtoken-7Qw2Xv9LkJ3mR8sT"
"""The bearer token of a planted Workspace."""
CONFIGURATION: Final = "plantedvalue-5Zc1Bn6GyH4dP0fU"
"""A value that ``spec.configurationSecrets`` takes from a Secret."""
ROTATED: Final = "plantedrotated-2Rf8Ls5TnY7aE1oJ"
"""The value that takes the place of `CONFIGURATION` when a Secret is rotated."""
AUTHORITY: Final = "plantedauthority-9Ke3Wt7MxA2qV6jC"
"""Stands beside the certificates in the Secret that ``spec.caSecretRef`` names."""
_ALL: Final = (TOKEN, CONFIGURATION, ROTATED, AUTHORITY)


def found(texts: Iterable[tuple[str, str]]) -> list[str]:
    """Where a planted secret shows, plain or in base64: ``name: the line``, for each name and text.

    Half of one is as bad as the whole, so its first twenty characters are enough.
    """
    shapes = [shape for secret in _ALL for shape in _shapes(secret[:20])]
    return [
        f"{name}: {line[:300]}"
        for name, text in texts
        for line in text.splitlines()
        if any(shape in line for shape in shapes)
    ]


def _shapes(secret: str) -> list[str]:
    """The secret as it is, and in base64 from each of its three starts, without what its neighbours change."""
    inner = [base64.b64encode(bytes(before) + secret.encode()).decode()[4:-4] for before in range(3)]
    return [secret, *inner]
