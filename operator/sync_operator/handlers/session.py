"""How one Workspace is reached, and whether it may be."""

from dataclasses import dataclass, replace
from datetime import datetime

from sync_operator.decide.picture import WorkspaceView
from sync_operator.errors import TransientError
from sync_operator.model.scope import Scope, scope_of
from sync_operator.remote.accounts import Login
from sync_operator.remote.client import ApiClient, Endpoint
from sync_operator.remote.route import Route

__all__ = ["Session"]


@dataclass(frozen=True, slots=True)
class Session:
    """How one Workspace is reached, and whether it may be.

    Attributes:
        view: what decisions know of it; carries the obstacle when it may not be used.
        client: the API client; None until credentials were complete once.
        endpoint: where the client speaks to.
        token: the bearer token of a Workspace that has one; empty with a login.
        login: the Workspace's part in an account, for one that logs in.
        route: what all calls of the client go through.
        requests_per_minute: its part of what the account may ask; None when it has none, because it is suspended.
        scope: whose lists and names its Syncs see; None until credentials were complete once.
        accepted: True from when the server accepts the credentials until it refuses them: only then the Workspace
            shares the budget and the circuit of its scope.
        generation: of the Workspace that was looked at.
        checked_at: when the server last proved the connection.
        told: False when the Workspace was blocked since its last look, so that its Syncs are still to hear of it.
    """

    view: WorkspaceView
    client: ApiClient | None = None
    endpoint: Endpoint | None = None
    token: str = ""
    login: Login | None = None
    route: Route | None = None
    requests_per_minute: int | None = None
    scope: Scope | None = None
    accepted: bool = False
    generation: int = 0
    checked_at: datetime | None = None
    told: bool = True

    @property
    def proven(self) -> bool:
        """True when the credentials were not refused the last time they were used; no answer says nothing of them."""
        obstacle = self.view.obstacle
        accepted = obstacle is None or isinstance(obstacle.error, TransientError)
        return self.client is not None and (accepted or self.view.credentials_kept)

    def judged(self, *, accepted: bool, account: str = "") -> "Session":
        """The session once the server has accepted or refused its credentials.

        Args:
            accepted: whether it did.
            account: who they belong to, where that is known. Credentials whose owner is unknown are a scope of their
                own, which only those share who hold the very same.
        """
        credential = f"{self.login.account.name} {self.login.password}" if self.login else self.token
        scope = scope_of(self.view.place, account=account, credential=credential)
        return replace(self, view=replace(self.view, account=account), scope=scope, accepted=accepted)
