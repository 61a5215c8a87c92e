"""A Sync's way to its server within one reconcile."""

from contextlib import ExitStack
from types import TracebackType
from typing import Final, Self, get_args

from sync_operator.decide.actions import Action, DropFinalizer, MarkCreate, ServerAction
from sync_operator.decide.picture import Phase
from sync_operator.handlers.cache import Ref
from sync_operator.handlers.queue import Key
from sync_operator.handlers.sessions import Sessions

__all__ = ["Turn"]

_TO_SERVER: Final = (MarkCreate, *get_args(ServerAction.__value__))
"""Actions with which, or right after which, the server is asked."""


class Turn:
    """Had from the start by who was called, taken by others when they need it, given back as soon as they do not.

    A server workspace has fewer places than there are workers. Whoever held one while only the cluster is asked would
    keep another worker from the server.

    Args:
        sessions: decide whose turn it is.
        home: the Sync's Workspace.
        key: the Sync.

    Attributes:
        had: True once it was this Sync's turn, also when it is so no more.
    """

    def __init__(self, sessions: Sessions, home: Ref, key: Key) -> None:
        self._sessions = sessions
        self._home = home
        self._key = key
        self._place = ExitStack()
        self._holds = False
        self.had = False

    def __enter__(self) -> Self:
        """Whoever was called has it from now on."""
        self._holds = self.had = self._place.enter_context(self._sessions.arrive(self._home, self._key))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Give it back at the latest now."""
        self.give_back()

    def fit(self, action: Action) -> None:
        """Have what an action needs: a turn, or none any more.

        Raises:
            HeldBackError: it is not this Sync's turn; it is woken when it is.
        """
        if action.phase is Phase.SCHEDULING or isinstance(action, DropFinalizer):
            self.give_back()
        elif isinstance(action, _TO_SERVER) and not self._holds:
            self._place.enter_context(self._sessions.admit(self._home, self._key))
            self._holds = self.had = True

    def give_back(self) -> None:
        """Let the next one in."""
        self._place.close()
        self._holds = False
