"""The sync API (AI Squared / Multiwoven), as a typed client for both dialects."""

import sys

# httpx imports its own command line if click, rich and pygments are installed, which takes longer than the rest of a
# run pod's start. With an entry of None that import fails, as if the module did not exist.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
