"""The salted hash of the Secret values in a configuration: it tells that one has changed, and nothing else. Pure."""

import hmac
import json
from collections.abc import Mapping

__all__ = ["secrets_digest"]

_DIGITS = 32


def secrets_digest(values: Mapping[str, str], salt: str) -> str:
    """The hash for the status.

    Args:
        values: JSON pointer → value.
        salt: differs between resources, so that equal values do not show as equal.
    """
    text = json.dumps(sorted(values.items())).encode()
    return hmac.digest(salt.encode(), text, "sha256").hex()[:_DIGITS]
