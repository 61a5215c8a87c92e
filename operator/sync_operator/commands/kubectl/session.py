"""What every verb works with: the cluster, the namespace, the terminal and the clock."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import sleep

from sync_operator.commands.kubectl.cluster.cluster_client import ClusterClient
from sync_operator.commands.terminal import Style

__all__ = ["Session"]


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Session:
    """One call of the plugin.

    Attributes:
        client: the cluster.
        namespace: the one that is meant; a verb may go over all others too.
        style: of standard output.
        options: the options of the cluster as they were typed, to be repeated in a command that is suggested.
        clock: the time of this machine.
        sleep: waits for seconds.
    """

    client: ClusterClient
    namespace: str
    style: Style
    options: str = ""
    clock: Callable[[], datetime] = field(default=_utc_now)
    sleep: Callable[[float], None] = field(default=sleep)

    def note(self, words: str) -> None:
        """Tell something beside the output, on standard error."""
        sys.stderr.write(f"{words}\n")
