"""How long the chaos tests go on."""

import os
from typing import Final

__all__ = ["ROUNDS"]

ROUNDS: Final = int(os.environ.get("CHAOS_ROUNDS", "1"))
"""How often each of them is done; every time with another seed."""
