"""A stable phase for every Sync, so that those with the same interval do not all fire at once."""

from hashlib import sha256

__all__ = ["phase"]


def phase(namespace: str, name: str, period: int) -> int:
    """A number from 0 to ``period - 1`` that depends on the name alone: it survives deletion, restart and release."""
    digest = sha256(f"{namespace}/{name}".encode()).digest()
    return int.from_bytes(digest[:8]) % period
