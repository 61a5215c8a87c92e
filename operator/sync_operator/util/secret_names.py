"""Which names of fields say that the value is a secret. Every part that hides secrets asks here: add a word here."""

import re
from typing import Final

__all__ = ["NAME_PATTERN", "is_secret_name", "may_be_secret_name"]

NAME_PATTERN: Final = (
    r"(?:(?:api|access|private|encryption|signing|auth)[-_ ]?key|secret|token|passw[a-z]{0,4}|passphrase|passcode|pwd"
    r"|credential|authori[sz]ation)"
)
"""Regular expression, for any case: the words in the names of fields that hold secrets."""
_SECRET: Final = re.compile(NAME_PATTERN, re.IGNORECASE)
_MAYBE: Final = re.compile(rf"{NAME_PATTERN}|key", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """True for a name such as ``api_key`` or ``dbPassword``: `export` moves the value into a Secret."""
    return _SECRET.search(name) is not None


def may_be_secret_name(name: str) -> bool:
    """True also for any other key, such as ``license_key``: no message shows the value."""
    return _MAYBE.search(name) is not None
