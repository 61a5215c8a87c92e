"""Memoises pure functions per snapshot, which is safe because a snapshot is frozen."""

from collections.abc import Callable
from functools import wraps

from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot

__all__ = ["memoize"]


def memoize[S: ResourceSnapshot, T](function: Callable[[S], T]) -> Callable[[S], T]:
    """Cache a function's result in the snapshot; callers must not change it. Exceptions are not cached."""

    @wraps(function)
    def cached(snapshot: S) -> T:
        if function not in snapshot.memo:
            snapshot.memo[function] = function(snapshot)
        known: T = snapshot.memo[function]
        return known

    return cached
