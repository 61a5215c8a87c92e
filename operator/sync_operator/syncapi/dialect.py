"""Detects the dialect of a server, and the user that a token belongs to."""

from sync_operator.errors import NotFoundError, UnknownWorkspaceError, UnsupportedEndpointError
from sync_operator.syncapi.client import ApiClient
from sync_operator.syncapi.types import Dialect, User

__all__ = ["detect_dialect"]


async def detect_dialect(client: ApiClient, wanted: Dialect | None) -> tuple[Dialect, User | None]:
    """Verify the connection, and detect the dialect if it is not given.

    A server with ``users/me`` is a Multiwoven one; a server without it that lists syncs speaks the documented dialect.

    Args:
        client: for the workspace to check.
        wanted: the dialect named in the spec, or None to detect it.

    Returns:
        The dialect, and the token's user if the server has ``users/me``.

    Raises:
        SyncOperatorError: the server refused or did not respond: the dialect is unknown then.
    """
    try:
        if wanted is not Dialect.DOCUMENTED:
            return Dialect.MULTIWOVEN, await client.whoami()
    except (UnsupportedEndpointError, NotFoundError) as error:
        if wanted is Dialect.MULTIWOVEN:
            raise UnknownWorkspaceError(
                f"{error}; this is no Multiwoven server: check spec.url, or set spec.dialect to Auto or Documented"
            ) from error
    try:
        await client.ping()
    except (UnsupportedEndpointError, NotFoundError) as error:
        raise UnknownWorkspaceError(
            f"{error}; the sync API is not there: check spec.url, which is written without /api/v1"
        ) from error
    return Dialect.DOCUMENTED, None
