"""Defects in the reconcile of single objects: each is logged whole once, and in one line as long as it comes again."""

import logging
from collections.abc import Hashable
from traceback import extract_tb
from typing import Final

from sync_operator.redact import redact

__all__ = ["Defects"]

_log = logging.getLogger(__name__)
MAX_REMEMBERED: Final = 10_000


class Defects:
    """Which defect was logged of which object last."""

    def __init__(self) -> None:
        self._logged: dict[Hashable, str] = {}

    def log(self, key: tuple[str, str, str], error: BaseException) -> None:
        """Log an error that nobody raises on purpose: with its traceback only where it is new for this object.

        Args:
            key: kind, namespace and name of the object.
            error: as it was caught.
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
        """It went well, or the object is gone: what comes next is new."""
        self._logged.pop(key, None)
