"""The connection of one Workspace to its server."""

from dataclasses import dataclass, replace
from datetime import datetime

from sync_operator.api.scope import Scope, scope_of
from sync_operator.domain.workspace_view import WorkspaceView
from sync_operator.errors import TransientError
from sync_operator.syncapi.auth.login_session import TokenSource
from sync_operator.syncapi.client import ApiClient, Endpoint
from sync_operator.syncapi.flow.permit import Route

__all__ = ["WorkspaceConnection"]


@dataclass(frozen=True, slots=True)
class WorkspaceConnection:
    """The connection of one Workspace to its server: client, credentials, and the blocker if it must not be used.

    Attributes:
        view: the Workspace as decisions see it; holds the blocker.
        client: the API client; None until the credentials were complete once.
        endpoint: the server and workspace that the client calls.
        token: the bearer token; empty for a login.
        login: the token source of a Workspace with a login; else None.
        route: the request gate that all of the client's requests pass.
        requests_per_minute: the rate that the Workspace asks for; None while it is suspended.
        scope: the scope whose lists its Syncs use; None until the credentials were complete once.
        accepted: True from when the server accepts the credentials until it refuses them. Only then the Workspace
            shares the rate limiter and the circuit breaker of its scope.
        generation: generation of the Workspace that was reconciled.
        checked_at: when the server last accepted the credentials.
        dependents_notified: False if the Workspace was blocked since its last reconcile, so that its Syncs must still
            be woken.
    """

    view: WorkspaceView
    client: ApiClient | None = None
    endpoint: Endpoint | None = None
    token: str = ""
    login: TokenSource | None = None
    route: Route | None = None
    requests_per_minute: int | None = None
    scope: Scope | None = None
    accepted: bool = False
    generation: int = 0
    checked_at: datetime | None = None
    dependents_notified: bool = True

    @property
    def credentials_verified(self) -> bool:
        """True if the credentials were not refused when last used; a missing response does not count as a refusal."""
        blocker = self.view.blocker
        accepted = blocker is None or isinstance(blocker.error, TransientError)
        return self.client is not None and (accepted or self.view.credentials_kept)

    def with_verdict(self, *, accepted: bool, account: str = "") -> "WorkspaceConnection":
        """A copy with the server's verdict on the credentials.

        Args:
            accepted: True if the server accepted them.
            account: the account they belong to, if known. Credentials of an unknown account have a scope of their own,
                which only Workspaces with the same credentials share.
        """
        credential = f"{self.login.session.name} {self.login.password}" if self.login else self.token
        scope = scope_of(self.view.remote_workspace, account=account, credential=credential)
        return replace(self, view=replace(self.view, account=account), scope=scope, accepted=accepted)
