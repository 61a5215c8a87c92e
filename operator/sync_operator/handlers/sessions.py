"""Connections to sync servers: one client per Workspace, kept as long as anything may need it."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, cast

from sync_operator.cluster.kube import SECRETS, Kube
from sync_operator.cluster.token_secret import KEY, TokenSecret, token_secret_name
from sync_operator.decide.picture import Obstacle, WorkspaceView
from sync_operator.errors import AccessError
from sync_operator.handlers.cache import Ref
from sync_operator.handlers.credentials import Credentials, read_credentials
from sync_operator.handlers.queue import Key
from sync_operator.handlers.routes import Routes
from sync_operator.handlers.session import Session
from sync_operator.host_patterns import HostRules
from sync_operator.model.names import WORKSPACE_KIND
from sync_operator.model.scope import Scope
from sync_operator.model.workspace import Place, WorkspaceSpec, place_of
from sync_operator.remote.accounts import Account, Accounts, Login
from sync_operator.remote.client import ApiClient, Endpoint
from sync_operator.remote.connections import HttpPool
from sync_operator.remote.hosts import check_url
from sync_operator.remote.pressure import Load
from sync_operator.remote.route import Route
from sync_operator.remote.traffic import Traffic
from sync_operator.remote.transport import Exchange
from sync_operator.remote.types import Dialect

__all__ = ["Sessions"]


class Sessions:
    """Sessions by Workspace. One that lost its Workspace is kept until the last Sync that needs it is gone.

    Args:
        kube: the cluster.
        hosts: which servers may be spoken to.
        pool: connections to them.
        clock: the time now.
        wake: asks for a reconcile.
        most_inside: how many workers one server workspace may occupy.
        requested: is told of every request: Workspace, call, HTTP status, seconds.
        forget_scope: called when no Workspace is in a scope any more.
    """

    def __init__(
        self,
        kube: Kube,
        hosts: HostRules,
        pool: HttpPool,
        *,
        clock: Callable[[], datetime],
        wake: Callable[[Key], None],
        most_inside: int,
        requested: Callable[[str, str, int, float], None],
        forget_scope: Callable[[Scope], None],
    ) -> None:
        self._requested = requested
        self._forget_scope = forget_scope
        self._kube = kube
        self._hosts = hosts
        self._pool = pool
        self._clock = clock
        self._wake = wake
        self._most_inside = most_inside
        self._accounts = Accounts(clock, self._renewed)
        self._routes = Routes(self._make_traffic)
        self._sessions: dict[Ref, Session] = {}
        self._users: dict[Scope, set[Ref]] = {}

    def get(self, ref: Ref) -> Session | None:
        """The session as it stands; None before the Workspace was looked at in this process."""
        return self._sessions.get(ref)

    def users(self, scope: Scope) -> frozenset[Ref]:
        """The Workspaces that are in a scope."""
        return frozenset(self._users.get(scope, ()))

    def refused(self, asked_by: Ref, other: Ref) -> bool:
        """True when another Workspace may not ask for the syncs that one sees.

        The server has not accepted its credentials, or they are of another account where each has a workspace of its
        own: where no workspace id is given.
        """
        own, held = self.get(asked_by), self.get(other)
        if held is None:
            return False
        apart = own is not None and own.scope != held.scope and held.view.workspace_id is None
        return apart or not held.accepted

    def admit(self, ref: Ref, key: Key) -> AbstractContextManager[None]:
        """The way to the server of a Workspace, for one reconcile of a Sync.

        Raises:
            HeldBackError: it is not this Sync's turn; it is woken when it is.
        """
        route = self._route_of(ref)
        return route.admit(key) if route else nullcontext()

    def line_up(self, ref: Ref, key: Key, *, longest: float) -> bool:
        """True for a Sync that waits for admission from the start, ``longest`` seconds at most: it is woken then."""
        route = self._route_of(ref)
        return route is not None and route.line_up(key, longest=longest)

    def arrive(self, ref: Ref, key: Key) -> AbstractContextManager[bool]:
        """True for a Sync that was woken because it is its turn: it needs no further admission."""
        route = self._route_of(ref)
        return route.arrive(key) if route else nullcontext(enter_result=False)

    def paused(self, ref: Ref) -> bool:
        """True while calls do not go through, for a moment or longer."""
        route = self._route_of(ref)
        return route is not None and not route.open

    def park(self, ref: Ref, key: Key) -> None:
        """Wake a Sync that was held back in the middle when calls go through again."""
        route = self._route_of(ref)
        if route:
            route.park(key)

    def _route_of(self, ref: Ref) -> Route | None:
        session = self.get(ref)
        return session.route if session else None

    async def open(self, ref: Ref, spec: WorkspaceSpec, workspace: Mapping[str, Any]) -> Session:
        """A client from the Workspace's spec and Secrets, not yet proven to work; the one held where nothing changed.

        Raises:
            InvalidSpecError: the URL or the Secrets cannot be used; names the field.
            ConflictError: a Secret that is not ours has the name of the token Secret.
            KubernetesError: the Secrets could not be read.
        """
        check_url(spec.url, self._hosts)
        found = await read_credentials(self._kube, ref.namespace, spec)
        endpoint = Endpoint(
            url=spec.url,
            workspace_id=spec.workspace_id,
            dialect=Dialect.MULTIWOVEN,
            timeout_seconds=spec.timeout_seconds,
            ca_pem=found.ca_pem,
            owner=ref,
        )
        held = self._sessions.get(ref)
        login = await self._login(ref, endpoint, found, workspace, held) if found.email else None
        token_ref, ca_ref = spec.auth.token_secret_ref, spec.ca_secret_ref
        view = WorkspaceView(
            name=ref.name,
            url=spec.url,
            workspace_id=spec.workspace_id,
            suspended=spec.suspend,
            token_secret=(token_ref.name, token_ref.key) if token_ref else (token_secret_name(ref.name), KEY),
            ca_secret=(ca_ref.name, ca_ref.key) if ca_ref else None,
            timeout_seconds=spec.timeout_seconds,
            previous_urls=spec.previous_urls,
        )
        limit = None if spec.suspend else spec.requests_per_minute
        session = Session(
            view,
            None,
            endpoint,
            found.token,
            login,
            requests_per_minute=limit,
            generation=workspace["metadata"]["generation"],
        )
        owner = Key(WORKSPACE_KIND, *ref)
        if held and held.route and (held.endpoint, held.token, held.login) == (endpoint, found.token, login):
            # Another limit holds at once, also for the call that proves the connection anew.
            self._routes.limit(owner, limit)
            return replace(
                session,
                view=replace(view, account=held.view.account),
                client=held.client,
                route=held.route,
                scope=held.scope,
                accepted=held.accepted,
                checked_at=held.checked_at,
            )
        route = self._routes.begin(owner, view.place, limit)
        told = partial(self._requested, f"{ref.namespace}/{ref.name}")
        if login is not None:
            client = ApiClient(endpoint, token=login, renew=login.renew, pool=self._pool, traffic=route, told=told)
        else:
            client = ApiClient(endpoint, token=lambda: found.token, pool=self._pool, traffic=route, told=told)
        return replace(session, client=client, route=route).judged(accepted=False)

    async def publish(self, session: Session, workspace: Mapping[str, Any]) -> None:
        """Write a login Workspace's token Secret: the token for run pods, or that the login is not to be repeated.

        Raises:
            ConflictError: a Secret that is not ours has that name.
            KubernetesError: the API server refused or gave no answer.
        """
        login = session.login
        if login is None:
            return
        refused = login.version if login.account.is_refused(login) else ""
        secret = await self._token_secret(workspace)
        await secret.write(self._kube, session_of=login.account.name, token=login.account.token(login), refused=refused)

    def blank(self, ref: Ref) -> Session:
        """A session of which nothing is known but the name."""
        return Session(WorkspaceView(name=ref.name))

    def keep(self, ref: Ref, session: Session, *, instead_of: Session | None) -> bool:
        """Make this the Workspace's session, unless the one that it was made from has been replaced meanwhile.

        Returns:
            False when it was: what came in between, such as a token that was refused, must not be lost.
        """
        if self._sessions.get(ref) is not instead_of:
            return False
        self._put(ref, session)
        return True

    def gone(self, ref: Ref) -> None:
        """The Workspace was deleted: it owns no part of any budget from now on, whoever still waits in its name."""
        self._routes.limit(Key(WORKSPACE_KIND, *ref), None)

    def _put(self, ref: Ref, session: Session) -> None:
        before = self._sessions.get(ref)
        self._sessions[ref] = session
        if session.scope is not None:
            self._users.setdefault(session.scope, set()).add(ref)
        if before is not None and before.scope != session.scope:
            self._leave(ref, before.scope)
        if before is not None:
            self._leave_account(before)
        if session.route is not None:
            limit = session.requests_per_minute if session.view.found else None
            scope = session.scope if session.accepted else None
            self._routes.keep(Key(WORKSPACE_KIND, *ref), session.route, scope, limit)

    def _leave(self, ref: Ref, scope: Scope | None) -> None:
        users = self._users.get(scope) if scope is not None else None
        if scope is None or users is None:
            return
        users.discard(ref)
        if not users:
            del self._users[scope]
            self._forget_scope(scope)

    def block(self, ref: Ref, obstacle: Obstacle, *, found: bool = True) -> None:
        """Stop the traffic of a Workspace; what was known of it stays, for deletions and for CronJobs."""
        held = self._sessions.get(ref) or self.blank(ref)
        kept = held.proven and not found
        view = replace(held.view, obstacle=obstacle, found=found, credentials_kept=kept)
        blocked = replace(held, view=view, told=False)
        if isinstance(obstacle.error, AccessError) and held.client is not None:
            blocked = blocked.judged(accepted=False)
        self._put(ref, blocked)

    def forget(self, ref: Ref) -> None:
        """No Workspace and no Sync needs this session any more."""
        self._routes.forget(Key(WORKSPACE_KIND, *ref))
        self._pool.forget(ref)
        gone = self._sessions.pop(ref, None)
        if gone is None:
            return
        self._leave(ref, gone.scope)
        self._leave_account(gone)

    def _leave_account(self, before: Session) -> None:
        """Forget the account that a session had, unless one of today still has it."""
        account = before.login.account if before.login is not None else None
        users = (held.login.account for held in self._sessions.values() if held.login is not None)
        if account is not None and all(used is not account for used in users):
            self._accounts.forget(account)

    def loads(self) -> Iterator[tuple[Ref, Load]]:
        """Workspaces, with how it stands with the traffic to their servers."""
        return ((ref, session.route.load) for ref, session in self._sessions.items() if session.route is not None)

    def reap(self) -> None:
        """Close connections that nobody has used for a while."""
        self._pool.reap()

    def kept(self) -> dict[str, int]:
        """How much is kept of each kind."""
        held = {"sessions": len(self._sessions), "scopes": len(self._users), "traffics": self._routes.kept}
        return {**held, "accounts": self._accounts.kept, **self._pool.kept()}

    def close(self) -> None:
        """Wake nobody any more."""
        self._routes.close()

    async def _login(
        self, ref: Ref, endpoint: Endpoint, found: Credentials, workspace: Mapping[str, Any], held: Session | None
    ) -> Login:
        """The Workspace's part in its account; knows what an earlier process left in the token Secret."""
        account = self._accounts.get(place_of(endpoint.url, None).url, found.email)
        login = held.login if held else None
        known = held is not None and held.endpoint == endpoint
        if login is None or not known or (login.account, login.password) != (account, found.password):
            exchange = Exchange(
                connection=self._pool.connection(endpoint.url, endpoint.ca_pem, endpoint.owner),
                base=endpoint.url.rstrip("/"),
                token=None,
                timeout_seconds=endpoint.timeout_seconds,
            )
            login = Login(account, exchange, found.password, holder=ref, version=found.version, namespace=ref.namespace)
        login.version = found.version
        secret = await self._token_secret(workspace)
        if secret.refused == found.version:
            account.refuse(login)
        left = secret.token(account.name, self._clock())
        if left is not None:
            account.adopt(login, left)
        return login

    async def _token_secret(self, workspace: Mapping[str, Any]) -> TokenSecret:
        metadata = workspace["metadata"]
        name = token_secret_name(metadata["name"])
        return TokenSecret(workspace, await self._kube.get(SECRETS, metadata["namespace"], name))

    def _make_traffic(self, place: Place, requests_per_minute: int) -> Traffic:
        return Traffic(
            f"workspace {place.workspace_id} of {place.url}" if place.workspace_id else place.url,
            requests_per_minute,
            most_inside=self._most_inside,
            clock=time.monotonic,
            later=asyncio.get_running_loop().call_later,
            wake=lambda woken: self._wake(cast("Key", woken)),
            jitter=random.random,
        )

    def _renewed(self, account: Account) -> None:
        """Every Workspace with this account has a token Secret to be rewritten."""
        for ref, session in self._sessions.items():
            if session.login and session.login.account is account:
                self._wake(Key(WORKSPACE_KIND, *ref))
