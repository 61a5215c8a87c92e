"""The rules under which tests speak to servers of this machine."""

from typing import Final

from sync_operator.host_patterns import HostRules

__all__ = ["LOCAL"]

LOCAL: Final = HostRules(insecure=("127.0.0.0/8",))
