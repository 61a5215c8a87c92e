"""The rules under which tests speak to servers of this machine."""

from typing import Final

from sync_operator.util.host_patterns import EgressPolicy

__all__ = ["LOCAL"]

LOCAL: Final = EgressPolicy(insecure=("127.0.0.0/8",))
