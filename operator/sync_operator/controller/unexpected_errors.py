"""Logs unexpected errors of single reconciles: with a traceback the first time, in one line while they repeat."""

import logging
from collections.abc import Hashable
from traceback import extract_tb
from typing import Final

from sync_operator.util.redact import redact

__all__ = ["UnexpectedErrors"]

_log = logging.getLogger(__name__)
MAX_REMEMBERED: Final = 10_000


class UnexpectedErrors:
    """The unexpected error that was logged last for each object."""

    def __init__(self) -> None:
        self._logged: dict[Hashable, str] = {}

    def log(self, key: tuple[str, str, str], error: BaseException) -> None:
        """Log an unexpected error, with its traceback only if it differs from the object's last one.

        Args:
            key: kind, namespace and name of the object.
            error: the error that was caught.
        """
        frames = extract_tb(error.__traceback__, limit=-1)
        kind = f"{type(error).__name__} at {frames[-1].name}:{frames[-1].lineno}" if frames else type(error).__name__
        if self._logged.get(key) == kind:
            _log.error("reconcile of %s %s/%s failed again: %s", *key, redact(f"{kind}: {error}"))
            return
        self._logged.pop(key, None)
        self._logged[key] = kind
        if len(self._logged) > MAX_REMEMBERED:
            del self._logged[next(iter(self._logged))]
        _log.error("reconcile of %s %s/%s failed unexpectedly", *key, exc_info=error)

    def forget(self, key: Hashable) -> None:
        """Forget the object's last error: its reconcile succeeded, or it is gone. The next error is logged in full."""
        self._logged.pop(key, None)
