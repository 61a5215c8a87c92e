"""Which key is worked on next, so that no namespace and no server takes what others need. Pure: no time, no I/O."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import partial
from typing import Final, NamedTuple

from sync_operator.shares import Shares

__all__ = ["FairQueue", "Key"]

_URGENT_KINDS: Final = frozenset({"Workspace"})
_NAMESPACE_FACTOR: Final = 3
"""One namespace alone may have three quarters of the workers."""
_SERVER_FACTOR: Final = 7
"""All namespaces of one server together may have seven eighths: no namespace can use up what its server may have."""
_WAITING_PER_WORKER: Final = 8
"""Reconciles that wait for their servers, for each worker: they take memory, but no time."""
_NAMESPACE_WAITING_FACTOR: Final = 0.25
"""A fifth of them for one namespace alone: each may hold a configuration of the largest size, unpacked."""
_SERVER_WAITING_FACTOR: Final = 7


class Key(NamedTuple):
    """What is to be reconciled: a Sync or a Workspace."""

    kind: str
    namespace: str
    name: str


class _Lines:
    """Keys that wait, in a line for each namespace; the namespaces take turns."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, tuple[OrderedDict[Key, None], OrderedDict[Key, None]]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._lines)

    def push(self, key: Key, *, urgent: bool) -> None:
        """Stand at the end of the namespace's line, or of those in it who go before all others."""
        lines = self._lines.get(key.namespace)
        if lines is None:
            lines = self._lines[key.namespace] = OrderedDict(), OrderedDict()
        lines[not urgent][key] = None

    def promote(self, key: Key) -> None:
        """Let a key that waits go before all others of its namespace that are not urgent."""
        urgent, ordinary = self._lines[key.namespace]
        if key in ordinary:
            del ordinary[key]
            urgent[key] = None

    def pop(self, may: Callable[[str], bool]) -> tuple[Key, bool] | None:
        """The first key of the namespace whose turn it is among those that may, and whether it is urgent.

        Namespaces that may not are passed over, and keep their turn: each of them holds something, so they are few.
        """
        namespace = next((name for name in self._lines if may(name)), None)
        if namespace is None:
            return None
        urgent, ordinary = self._lines[namespace]
        is_urgent = bool(urgent)
        key, _ = (urgent or ordinary).popitem(last=False)
        if urgent or ordinary:
            self._lines.move_to_end(namespace)
        else:
            del self._lines[namespace]
        return key, is_urgent


class _Server(NamedTuple):
    """A server as a holder of places, told from a namespace of the same name."""

    name: str


class FairQueue:
    """Keys that wait, and those that are worked on.

    Namespaces take turns. Within one, Workspaces go before Syncs, which cannot do without them, and so does what is
    added as first. A namespace, or the namespaces of one server, may have a share of the workers that adapts to how
    many others there are. A reconcile that waits for its server for long gives its worker back and goes on without:
    such ones are counted apart, and whoever has too many of them begins nothing new. A namespace that has none may
    always begin, so that servers which hang, however many there are, are the trouble of their own tenants alone.

    Args:
        workers: how many keys are worked on at once, those that wait for their servers for long not counted.
        server_of: the server that the reconcile of a key may have to ask, such as ``host:443``; None when it is not
            known, or none is asked.
    """

    def __init__(self, workers: int, server_of: Callable[[Key], str | None]) -> None:
        self._server_of = server_of
        self._workers = Shares(workers)
        self._slow = Shares(workers * _WAITING_PER_WORKER)
        self._lines = _Lines()
        self._parked: OrderedDict[str, _Lines] = OrderedDict()
        self._where: dict[Key, _Lines] = {}
        self._begun: dict[Key, tuple[Hashable, ...]] = {}
        self._without_worker: set[Key] = set()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._where)

    def __contains__(self, key: Key) -> bool:
        """True while a key waits."""
        return key in self._where

    @property
    def at_work(self) -> bool:
        """True while any worker is taken."""
        return self._workers.taken > 0

    def add(self, key: Key, *, first: bool = False) -> None:
        """Let a key wait, which is not worked on; ``first`` puts it before the others of its namespace."""
        urgent = first or key.kind in _URGENT_KINDS
        lines = self._where.get(key)
        if lines is None:
            self._lines.push(key, urgent=urgent)
            self._where[key] = self._lines
        elif urgent:
            lines.promote(key)

    def pop(self) -> Key | None:
        """The key to be worked on now, until `done` is told of it; None when none waits that may be."""
        if self._workers.free <= 0:
            return None
        return self._pop_parked() or self._pop_next()

    def give_up_worker(self, key: Key) -> None:
        """A reconcile waits for long: somebody else may have its worker."""
        holders = self._begun[key]
        self._workers.give_back(*holders)
        self._slow.take(*holders)
        self._without_worker.add(key)

    def done(self, key: Key) -> None:
        """A reconcile has ended."""
        shares = self._slow if key in self._without_worker else self._workers
        shares.give_back(*self._begun.pop(key))
        self._without_worker.discard(key)

    def _pop_parked(self) -> Key | None:
        """The first of those who waited for their server's share, and may go on."""
        for server, lines in list(self._parked.items()):
            if not self._workers.allow(_Server(server), _SERVER_FACTOR):
                continue  # without a look at all the namespaces that wait for it
            found = lines.pop(partial(self._may_ask, server))
            if not lines:
                del self._parked[server]
            if found is not None:
                if lines:
                    self._parked.move_to_end(server)
                return self._begin(found[0], server)
        return None

    def _pop_next(self) -> Key | None:
        while (found := self._lines.pop(self._may_begin)) is not None:
            key, urgent = found
            server = self._server_of(key)
            if server is None or self._may_ask(server, key.namespace):
                return self._begin(key, server)
            lines = self._where[key] = self._parked.setdefault(server, _Lines())
            lines.push(key, urgent=urgent)
        return None

    def _begin(self, key: Key, server: str | None) -> Key:
        holders = (key.namespace,) if server is None else (key.namespace, _Server(server))
        self._workers.take(*holders)
        self._begun[key] = holders
        del self._where[key]
        return key

    def _may_begin(self, namespace: str) -> bool:
        return self._workers.allow(namespace, _NAMESPACE_FACTOR) and (
            not self._slow.held(namespace) or self._slow.allow(namespace, _NAMESPACE_WAITING_FACTOR)
        )

    def _may_ask(self, server: str, namespace: str) -> bool:
        holder = _Server(server)
        return (
            self._may_begin(namespace)
            and self._workers.allow(holder, _SERVER_FACTOR)
            and (not self._slow.held(namespace) or self._slow.allow(holder, _SERVER_WAITING_FACTOR))
        )
