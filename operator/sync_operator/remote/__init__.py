"""The sync API (AI Squared / Multiwoven), as a typed client for both dialects."""

import sys

# httpx loads its own command line wherever that one's libraries (click, rich, pygments) are installed, which costs a
# run pod more than all the rest of its start-up. An entry of None counts as a module that is not there.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
