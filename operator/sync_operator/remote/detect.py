"""Which dialect a server speaks, and who we are there."""

from sync_operator.errors import NoSuchCallError, NotFoundError, WorkspaceError
from sync_operator.remote.client import ApiClient
from sync_operator.remote.types import Dialect, User

__all__ = ["detect_dialect"]


async def detect_dialect(client: ApiClient, wanted: Dialect | None) -> tuple[Dialect, User | None]:
    """Prove the connection, and find the dialect out where it is not given.

    A server that knows ``users/me`` is a Multiwoven one; one that does not, but lists syncs, is documented.

    Args:
        client: for the workspace in question.
        wanted: the dialect named in the spec, or None to ask.

    Raises:
        SyncOperatorError: the server refused or gave no answer: nothing is known then.
    """
    try:
        if wanted is not Dialect.DOCUMENTED:
            return Dialect.MULTIWOVEN, await client.whoami()
    except (NoSuchCallError, NotFoundError) as error:
        if wanted is Dialect.MULTIWOVEN:
            raise WorkspaceError(
                f"{error}; this is no Multiwoven server: check spec.url, or set spec.dialect to Auto or Documented"
            ) from error
    try:
        await client.probe_list()
    except (NoSuchCallError, NotFoundError) as error:
        raise WorkspaceError(
            f"{error}; the sync API is not there: check spec.url, which is written without /api/v1"
        ) from error
    return Dialect.DOCUMENTED, None
