"""Connections to sync servers: one client per Workspace, kept as long as anything may need it."""

from dataclasses import dataclass, replace

from sync_operator.cluster.kube import SECRETS, Kube
from sync_operator.decide.picture import Obstacle, WorkspaceView
from sync_operator.decide.workspace import decode_secret
from sync_operator.errors import InvalidSpecError
from sync_operator.handlers.cache import Ref
from sync_operator.model.workspace import WorkspaceSpec
from sync_operator.remote.client import ApiClient, Endpoint
from sync_operator.remote.hosts import check_url
from sync_operator.remote.transport import HttpPool
from sync_operator.remote.types import Dialect
from sync_operator.settings import HostRules

__all__ = ["Session", "Sessions"]


@dataclass(frozen=True, slots=True)
class Session:
    """How one Workspace is reached, and whether it may be.

    Attributes:
        view: what decisions know of it; carries the obstacle when it may not be used.
        client: the API client; None until credentials were complete once.
    """

    view: WorkspaceView
    client: ApiClient | None = None

    @property
    def proven(self) -> bool:
        """True when the credentials worked the last time they were used."""
        return self.client is not None and (self.view.obstacle is None or self.view.credentials_kept)


class Sessions:
    """Sessions by Workspace. One that lost its Workspace is kept until the last Sync that needs it is gone."""

    def __init__(self, kube: Kube, hosts: HostRules, pool: HttpPool) -> None:
        self._kube = kube
        self._hosts = hosts
        self._pool = pool
        self._sessions: dict[Ref, Session] = {}

    def get(self, ref: Ref) -> Session | None:
        """The session as it stands; None before the Workspace was looked at in this process."""
        return self._sessions.get(ref)

    async def open(self, ref: Ref, spec: WorkspaceSpec) -> Session:
        """Make a client from the Workspace's spec and Secrets, not yet proven to work.

        Raises:
            InvalidSpecError: the URL or the Secrets cannot be used; names the field.
            KubernetesError: the Secrets could not be read.
        """
        check_url(spec.url, self._hosts)
        secret = spec.auth.token_secret_ref
        if secret is None:
            raise InvalidSpecError(
                "spec.auth.loginSecretRef", "is not supported by this release; use spec.auth.tokenSecretRef"
            )
        token = await self._secret_value(ref.namespace, secret.name, secret.key, "spec.auth.tokenSecretRef")
        ca = spec.ca_secret_ref
        authority = await self._secret_value(ref.namespace, ca.name, ca.key, "spec.caSecretRef") if ca else None
        view = WorkspaceView(
            name=ref.name,
            url=spec.url,
            workspace_id=spec.workspace_id,
            suspended=spec.suspend,
            token_secret=(secret.name, secret.key),
            ca_secret=(ca.name, ca.key) if ca else None,
            timeout_seconds=spec.timeout_seconds,
        )
        endpoint = Endpoint(
            url=spec.url,
            workspace_id=spec.workspace_id,
            dialect=Dialect.MULTIWOVEN,
            timeout_seconds=spec.timeout_seconds,
            ca_pem=authority,
        )
        return Session(view, ApiClient(endpoint, token=lambda: token, pool=self._pool))

    def blank(self, ref: Ref) -> Session:
        """A session of which nothing is known but the name."""
        return Session(WorkspaceView(name=ref.name))

    def keep(self, ref: Ref, session: Session) -> None:
        """Make this the Workspace's session."""
        self._sessions[ref] = session

    def block(self, ref: Ref, obstacle: Obstacle, *, found: bool = True) -> None:
        """Stop the traffic of a Workspace; what was known of it stays, for deletions and for CronJobs."""
        held = self._sessions.get(ref) or self.blank(ref)
        kept = held.proven and not found
        view = replace(held.view, obstacle=obstacle, found=found, credentials_kept=kept)
        self._sessions[ref] = replace(held, view=view)

    def forget(self, ref: Ref) -> None:
        """No Workspace and no Sync needs this session any more."""
        self._sessions.pop(ref, None)

    async def _secret_value(self, namespace: str, name: str, key: str, field: str) -> str:
        secret = await self._kube.get(SECRETS, namespace, name)
        return decode_secret(secret, namespace=namespace, name=name, key=key, field=field)
