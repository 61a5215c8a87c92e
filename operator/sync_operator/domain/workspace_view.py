"""A Workspace as decisions see it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sync_operator.api.kinds.workspace import RemoteWorkspace, remote_workspace_now, remote_workspace_of
from sync_operator.domain.blocker import Blocker
from sync_operator.syncapi.types import Dialect

__all__ = ["WorkspaceView"]


@dataclass(frozen=True, slots=True)
class WorkspaceView:
    """A Workspace as the operator knows it now.

    Attributes:
        found: False if there is no such resource.
        blocker: why it cannot be used, or None if it is ready.
        dialect: None until the connection has been checked, in this or an earlier process.
        suspended: ``spec.suspend``: no requests are sent, and CronJobs are suspended.
        token_secret: name and key of the Secret that run pods mount.
        ca_secret: name and key of the CA bundle that run pods mount, if any.
        timeout_seconds: request timeout.
        credentials_kept: True if Workspace or Secret are gone, but the last working credentials are in memory.
        account: owner of the credentials: the user's id from ``users/me``, or the subject of a JSON web token; empty
            before the server has accepted them, and for an opaque token.
        previous_urls: former URLs of the same server.
        annotations: those of the Workspace; set where its own status is written.
    """

    name: str
    found: bool = True
    blocker: Blocker | None = None
    url: str = ""
    workspace_id: str | None = None
    dialect: Dialect | None = None
    suspended: bool = False
    token_secret: tuple[str, str] | None = None
    ca_secret: tuple[str, str] | None = None
    timeout_seconds: float = 30.0
    credentials_kept: bool = False
    account: str = ""
    previous_urls: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def remote_workspace(self) -> RemoteWorkspace:
        """Key of server and workspace: normalised URL and workspace id."""
        return remote_workspace_of(self.url, self.workspace_id)

    def current_workspace(self, registered: RemoteWorkspace) -> RemoteWorkspace:
        """The same remote workspace under the server's current URL, if it had one of ``previous_urls``."""
        return remote_workspace_now(registered, self.url, self.previous_urls) if self.previous_urls else registered
