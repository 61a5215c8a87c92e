"""Which dialect a server speaks, and who we are there."""

from sync_operator.errors import NotFoundError
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
    if wanted is Dialect.DOCUMENTED:
        await client.probe_list()
        return wanted, None
    try:
        return Dialect.MULTIWOVEN, await client.whoami()
    except NotFoundError:
        if wanted is not None:
            raise
    await client.probe_list()
    return Dialect.DOCUMENTED, None
