"""Fair scheduling of keys, so that no namespace and no server starves the others. Pure: no clock, no I/O."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import partial
from typing import Final, NamedTuple

from sync_operator.util.fair_shares import FairShares

__all__ = ["FairQueue", "Key"]

_URGENT_KINDS: Final = frozenset({"Workspace"})
_NAMESPACE_FACTOR: Final = 3
"""One namespace alone may take three quarters of the workers."""
_SERVER_FACTOR: Final = 7
"""All namespaces of one server together may take seven eighths, more than one namespace alone can."""
_WAITING_PER_WORKER: Final = 8
"""Reconciles per worker that may wait for a slow server without a worker: they take memory, but no time."""
_NAMESPACE_WAITING_FACTOR: Final = 0.25
"""One namespace alone may have a fifth of them: each may hold an unpacked configuration of the maximum size."""
_SERVER_WAITING_FACTOR: Final = 7


class Key(NamedTuple):
    """Key of the work queue: kind, namespace and name of what is to be reconciled."""

    kind: str
    namespace: str
    name: str


class _NamespaceQueues:
    """Waiting keys, in a FIFO per namespace and urgency; namespaces are served round-robin."""

    def __init__(self) -> None:
        self._queues: OrderedDict[str, tuple[OrderedDict[Key, None], OrderedDict[Key, None]]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._queues)

    def push(self, key: Key, *, urgent: bool) -> None:
        """Append a key to the FIFO of its namespace, or to the namespace's FIFO of urgent keys."""
        queues = self._queues.get(key.namespace)
        if queues is None:
            queues = self._queues[key.namespace] = OrderedDict(), OrderedDict()
        queues[not urgent][key] = None

    def promote(self, key: Key) -> None:
        """Make a waiting key urgent, so that it goes before its namespace's other keys."""
        urgent, ordinary = self._queues[key.namespace]
        if key in ordinary:
            del ordinary[key]
            urgent[key] = None

    def pop(self, allowed: Callable[[str], bool]) -> tuple[Key, bool] | None:
        """Remove and return the next key, and whether it is urgent; None if no namespace is allowed.

        Namespaces for which ``allowed`` is False are skipped and keep their position. They are few, because each of
        them has running reconciles.
        """
        namespace = next((name for name in self._queues if allowed(name)), None)
        if namespace is None:
            return None
        urgent, ordinary = self._queues[namespace]
        is_urgent = bool(urgent)
        key, _ = (urgent or ordinary).popitem(last=False)
        if urgent or ordinary:
            self._queues.move_to_end(namespace)
        else:
            del self._queues[namespace]
        return key, is_urgent


class _Server(NamedTuple):
    """A server as a holder of shares; a type of its own, so that it never equals a namespace."""

    name: str


class FairQueue:
    """Waiting and active keys, with fair shares of the workers.

    Namespaces are served round-robin. Within one, Workspaces go before Syncs, which depend on them, and so do keys
    added with ``first``. Each namespace, and all namespaces of one server together, may hold a share of the workers
    that adapts to the number of others. A reconcile that waits long for its server gives up its worker and continues
    without one. Such reconciles are counted separately, and a namespace or server with too many of them starts nothing
    new. A namespace without any may always start, so servers that hang, however many, affect only their own tenants.

    Args:
        workers: maximum number of active keys, not counting those that gave up their worker.
        server_of: returns the server that the reconcile of a key may call, such as ``host:443``; None if it is unknown
            or none is called.
    """

    def __init__(self, workers: int, server_of: Callable[[Key], str | None]) -> None:
        self._server_of = server_of
        self._workers = FairShares(workers)
        self._waiting_shares = FairShares(workers * _WAITING_PER_WORKER)
        self._queues = _NamespaceQueues()
        self._parked: OrderedDict[str, _NamespaceQueues] = OrderedDict()
        self._queue_of: dict[Key, _NamespaceQueues] = {}
        self._holders: dict[Key, tuple[Hashable, ...]] = {}
        self._without_worker: set[Key] = set()

    def __len__(self) -> int:
        """Number of waiting keys."""
        return len(self._queue_of)

    def __contains__(self, key: Key) -> bool:
        """True if the key waits."""
        return key in self._queue_of

    @property
    def at_work(self) -> bool:
        """True if any worker is busy."""
        return self._workers.taken > 0

    def add(self, key: Key, *, first: bool = False) -> None:
        """Queue a key that is not active; with ``first`` it goes before the other keys of its namespace."""
        urgent = first or key.kind in _URGENT_KINDS
        queues = self._queue_of.get(key)
        if queues is None:
            self._queues.push(key, urgent=urgent)
            self._queue_of[key] = self._queues
        elif urgent:
            queues.promote(key)

    def pop(self) -> Key | None:
        """Remove and return the next key, which is active until `done`; None if no waiting key may start."""
        if self._workers.free <= 0:
            return None
        return self._pop_parked() or self._pop_next()

    def release_worker(self, key: Key) -> None:
        """Free the worker of a reconcile that takes long; the reconcile continues without one."""
        holders = self._holders[key]
        self._workers.give_back(*holders)
        self._waiting_shares.take(*holders)
        self._without_worker.add(key)

    def done(self, key: Key) -> None:
        """Free the worker of a reconcile that has ended."""
        shares = self._waiting_shares if key in self._without_worker else self._workers
        shares.give_back(*self._holders.pop(key))
        self._without_worker.discard(key)

    def _pop_parked(self) -> Key | None:
        """The next key that was parked because its server's share was used up, and that may start now."""
        for server, queues in list(self._parked.items()):
            if not self._workers.allow(_Server(server), _SERVER_FACTOR):
                continue  # saves checking every namespace that waits for this server
            found = queues.pop(partial(self._may_call, server))
            if not queues:
                del self._parked[server]
            if found is not None:
                if queues:
                    self._parked.move_to_end(server)
                return self._begin(found[0], server)
        return None

    def _pop_next(self) -> Key | None:
        while (found := self._queues.pop(self._may_start)) is not None:
            key, urgent = found
            server = self._server_of(key)
            if server is None or self._may_call(server, key.namespace):
                return self._begin(key, server)
            queues = self._queue_of[key] = self._parked.setdefault(server, _NamespaceQueues())
            queues.push(key, urgent=urgent)
        return None

    def _begin(self, key: Key, server: str | None) -> Key:
        holders = (key.namespace,) if server is None else (key.namespace, _Server(server))
        self._workers.take(*holders)
        self._holders[key] = holders
        del self._queue_of[key]
        return key

    def _may_start(self, namespace: str) -> bool:
        return self._workers.allow(namespace, _NAMESPACE_FACTOR) and (
            not self._waiting_shares.held(namespace) or self._waiting_shares.allow(namespace, _NAMESPACE_WAITING_FACTOR)
        )

    def _may_call(self, server: str, namespace: str) -> bool:
        holder = _Server(server)
        return (
            self._may_start(namespace)
            and self._workers.allow(holder, _SERVER_FACTOR)
            and (not self._waiting_shares.held(namespace) or self._waiting_shares.allow(holder, _SERVER_WAITING_FACTOR))
        )
