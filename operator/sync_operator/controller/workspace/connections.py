"""Connections to sync servers: one API client per Workspace, kept as long as it or one of its Syncs exists."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, cast

from sync_operator.api.constants import WORKSPACE_KIND
from sync_operator.api.kinds.workspace import RemoteWorkspace, WorkspaceSpec, remote_workspace_of
from sync_operator.api.scope import Scope
from sync_operator.controller.informer.store import NamespacedName
from sync_operator.controller.workqueue.workqueue import Key
from sync_operator.controller.workspace.credentials import Credentials, read_credentials
from sync_operator.controller.workspace.shared_gates import GateRegistry
from sync_operator.controller.workspace.workspace_connection import WorkspaceConnection
from sync_operator.domain.blocker import Blocker
from sync_operator.domain.workspace_view import WorkspaceView
from sync_operator.errors import AccessError
from sync_operator.kubernetes.kube_client import KubeClient
from sync_operator.kubernetes.resources import SECRETS
from sync_operator.kubernetes.token_secret import KEY, TokenSecret, token_secret_name
from sync_operator.syncapi.auth.login_session import LoginSession, LoginSessions, TokenSource
from sync_operator.syncapi.client import ApiClient, Endpoint
from sync_operator.syncapi.flow.permit import Route
from sync_operator.syncapi.flow.request_gate import GateState, RequestGate
from sync_operator.syncapi.http.blocked_hosts import check_url
from sync_operator.syncapi.http.connection_pool import PoolManager
from sync_operator.syncapi.http.server_client import ServerClient
from sync_operator.syncapi.types import Dialect
from sync_operator.util.host_patterns import EgressPolicy

__all__ = ["WorkspaceConnections"]


class WorkspaceConnections:
    """Connections by Workspace. That of a deleted Workspace is kept until the last Sync that refers to it is gone.

    Args:
        kube: client of the API server.
        hosts: rules for the servers that may be called.
        pool: connection pools of the servers.
        clock: returns the current time.
        wake: queues a key.
        max_concurrency: how many reconciles may call one server workspace at once.
        observe_request: called for every request with Workspace, operation, status code and duration in seconds.
        forget_scope: called with a scope that no Workspace uses any more.
    """

    def __init__(
        self,
        kube: KubeClient,
        hosts: EgressPolicy,
        pool: PoolManager,
        *,
        clock: Callable[[], datetime],
        wake: Callable[[Key], None],
        max_concurrency: int,
        observe_request: Callable[[str, str, int, float], None],
        forget_scope: Callable[[Scope], None],
    ) -> None:
        self._observe_request = observe_request
        self._forget_scope = forget_scope
        self._kube = kube
        self._hosts = hosts
        self._pool = pool
        self._clock = clock
        self._wake = wake
        self._max_concurrency = max_concurrency
        self._login_sessions = LoginSessions(clock, self._queue_users)
        self._gates = GateRegistry(self._make_gate)
        self._connections: dict[NamespacedName, WorkspaceConnection] = {}
        self._workspaces_by_scope: dict[Scope, set[NamespacedName]] = {}

    def get(self, ref: NamespacedName) -> WorkspaceConnection | None:
        """The connection of a Workspace; None until this process has reconciled the Workspace."""
        return self._connections.get(ref)

    def workspaces_of(self, scope: Scope) -> frozenset[NamespacedName]:
        """The Workspaces of a scope."""
        return frozenset(self._workspaces_by_scope.get(scope, ()))

    def may_not_claim(self, asked_by: NamespacedName, other: NamespacedName) -> bool:
        """True if another Workspace may not claim the syncs that ``asked_by`` sees.

        Either the server has not accepted its credentials, or they belong to another account and no workspace id is
        given: then each account has its own workspace on the server.
        """
        held = self.get(other)
        return held is not None and (self.in_separate_workspaces(asked_by, other) or not held.accepted)

    def in_separate_workspaces(self, one: NamespacedName, other: NamespacedName) -> bool:
        """True if two Workspaces of one server belong to accounts that each have their own workspace there."""
        own, held = self.get(one), self.get(other)
        return own is not None and held is not None and own.scope != held.scope and held.view.workspace_id is None

    def route(self, ref: NamespacedName) -> Route | None:
        """The route of a Workspace's requests, which leads to their gate; None until it has a connection."""
        held = self.get(ref)
        return held.route if held else None

    async def open(self, ref: NamespacedName, spec: WorkspaceSpec, workspace: Mapping[str, Any]) -> WorkspaceConnection:
        """A connection from the Workspace's spec and Secrets, not verified yet; with the present client if unchanged.

        Raises:
            InvalidSpecError: the URL or a Secret is not usable; names the field.
            ConflictError: a Secret that is not ours has the name of the token Secret.
            KubernetesError: a Secret could not be read.
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
        held = self._connections.get(ref)
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
        connection = WorkspaceConnection(
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
            # A changed rate applies at once, also to the request that verifies the connection again.
            self._gates.set_rate(owner, limit)
            return replace(
                connection,
                view=replace(view, account=held.view.account),
                client=held.client,
                route=held.route,
                scope=held.scope,
                accepted=held.accepted,
                checked_at=held.checked_at,
            )
        route = self._gates.make_route(owner, view.remote_workspace, limit)
        observer = partial(self._observe_request, f"{ref.namespace}/{ref.name}")
        if login is not None:
            client = ApiClient(endpoint, token=login, renew=login.renew, pool=self._pool, gate=route, observer=observer)
        else:
            client = ApiClient(endpoint, token=lambda: found.token, pool=self._pool, gate=route, observer=observer)
        return replace(connection, client=client, route=route).with_verdict(accepted=False)

    async def publish(self, connection: WorkspaceConnection, workspace: Mapping[str, Any]) -> None:
        """Write the token Secret of a Workspace with a login: the token for run pods, or that the login was rejected.

        Raises:
            ConflictError: a Secret that is not ours has that name.
            KubernetesError: the API server refused the request or did not respond.
        """
        login = connection.login
        if login is None:
            return
        refused = login.version if login.session.is_rejected(login) else ""
        secret = await self._token_secret(workspace)
        await secret.write(
            self._kube, session_of=login.session.name, token=login.session.token(login), refused_version=refused
        )

    def empty(self, ref: NamespacedName) -> WorkspaceConnection:
        """A connection without client and credentials, of which only the Workspace's name is known."""
        return WorkspaceConnection(WorkspaceView(name=ref.name))

    def replace(
        self, ref: NamespacedName, connection: WorkspaceConnection, *, instead_of: WorkspaceConnection | None
    ) -> bool:
        """Compare and swap: set the Workspace's connection if the present one is still ``instead_of``.

        Returns:
            False if it was replaced in the meantime: that change, such as a rejected token, must not be lost.
        """
        if self._connections.get(ref) is not instead_of:
            return False
        self._put(ref, connection)
        return True

    def workspace_deleted(self, ref: NamespacedName) -> None:
        """Remove a deleted Workspace as an owner of its request gates, though its Syncs may still wait there."""
        self._gates.set_rate(Key(WORKSPACE_KIND, *ref), None)

    def _put(self, ref: NamespacedName, connection: WorkspaceConnection) -> None:
        before = self._connections.get(ref)
        self._connections[ref] = connection
        if connection.scope is not None:
            self._workspaces_by_scope.setdefault(connection.scope, set()).add(ref)
        if before is not None and before.scope != connection.scope:
            self._leave_scope(ref, before.scope)
        if before is not None:
            self._release_login(before)
        if connection.route is not None:
            limit = connection.requests_per_minute if connection.view.found else None
            scope = connection.scope if connection.accepted else None
            self._gates.set_route(Key(WORKSPACE_KIND, *ref), connection.route, scope, limit)

    def _leave_scope(self, ref: NamespacedName, scope: Scope | None) -> None:
        users = self._workspaces_by_scope.get(scope) if scope is not None else None
        if scope is None or users is None:
            return
        users.discard(ref)
        if not users:
            del self._workspaces_by_scope[scope]
            self._forget_scope(scope)

    def mark_blocked(self, ref: NamespacedName, blocker: Blocker, *, found: bool = True) -> None:
        """Set a Workspace's blocker; the rest of its connection stays, for deletions and for CronJobs."""
        held = self._connections.get(ref) or self.empty(ref)
        kept = held.credentials_verified and not found
        view = replace(held.view, blocker=blocker, found=found, credentials_kept=kept)
        blocked = replace(held, view=view, dependents_notified=False)
        if isinstance(blocker.error, AccessError) and held.client is not None:
            blocked = blocked.with_verdict(accepted=False)
        self._put(ref, blocked)

    def forget(self, ref: NamespacedName) -> None:
        """Drop a connection that no Workspace and no Sync needs any more."""
        self._gates.forget(Key(WORKSPACE_KIND, *ref))
        self._pool.forget(ref)
        gone = self._connections.pop(ref, None)
        if gone is None:
            return
        self._leave_scope(ref, gone.scope)
        self._release_login(gone)

    def _release_login(self, before: WorkspaceConnection) -> None:
        """Drop the login session of a replaced connection, unless a present connection still uses it."""
        session = before.login.session if before.login is not None else None
        users = (held.login.session for held in self._connections.values() if held.login is not None)
        if session is not None and all(used is not session for used in users):
            self._login_sessions.forget(session)

    def gate_states(self) -> Iterator[tuple[NamespacedName, GateState]]:
        """Each Workspace that has a route, with the state of its request gate."""
        return (
            (ref, connection.route.gate.state)
            for ref, connection in self._connections.items()
            if connection.route is not None
        )

    def close_idle(self) -> None:
        """Close pooled connections that have been idle for a while."""
        self._pool.reap()

    def entry_counts(self) -> dict[str, int]:
        """Number of entries held in memory, by kind, for metrics."""
        held = {
            "sessions": len(self._connections),
            "scopes": len(self._workspaces_by_scope),
            "traffics": self._gates.entry_count,
        }
        return {**held, "accounts": self._login_sessions.entry_count, **self._pool.entry_counts()}

    def close(self) -> None:
        """Close all request gates: they wake no key any more."""
        self._gates.close()

    async def _login(
        self,
        ref: NamespacedName,
        endpoint: Endpoint,
        found: Credentials,
        workspace: Mapping[str, Any],
        held: WorkspaceConnection | None,
    ) -> TokenSource:
        """The Workspace's token source, restored from what an earlier process left in the token Secret."""
        session = self._login_sessions.get(remote_workspace_of(endpoint.url, None).url, found.email)
        login = held.login if held else None
        known = held is not None and held.endpoint == endpoint
        if login is None or not known or (login.session, login.password) != (session, found.password):
            client = ServerClient(
                transport=self._pool.transport(endpoint.url, endpoint.ca_pem, endpoint.owner),
                base=endpoint.url.rstrip("/"),
                token=None,
                timeout_seconds=endpoint.timeout_seconds,
            )
            login = TokenSource(
                session, client, found.password, holder=ref, version=found.version, namespace=ref.namespace
            )
        login.version = found.version
        secret = await self._token_secret(workspace)
        if secret.refused_version == found.version:
            session.record_rejection(login)
        left = secret.token(session.name, self._clock())
        if left is not None:
            session.restore(login, left)
        return login

    async def _token_secret(self, workspace: Mapping[str, Any]) -> TokenSecret:
        metadata = workspace["metadata"]
        name = token_secret_name(metadata["name"])
        return TokenSecret(workspace, await self._kube.get(SECRETS, metadata["namespace"], name))

    def _make_gate(self, remote_workspace: RemoteWorkspace, requests_per_minute: int) -> RequestGate:
        return RequestGate(
            f"workspace {remote_workspace.workspace_id} of {remote_workspace.url}"
            if remote_workspace.workspace_id
            else remote_workspace.url,
            requests_per_minute,
            max_concurrency=self._max_concurrency,
            clock=time.monotonic,
            later=asyncio.get_running_loop().call_later,
            wake=lambda woken: self._wake(cast("Key", woken)),
            jitter=random.random,
        )

    def _queue_users(self, session: LoginSession) -> None:
        """Queue every Workspace with this login session: its token Secret must be rewritten."""
        for ref, connection in self._connections.items():
            if connection.login and connection.login.session is session:
                self._wake(Key(WORKSPACE_KIND, *ref))
