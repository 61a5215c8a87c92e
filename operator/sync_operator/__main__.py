"""`python -m sync_operator` is `sync-operator`."""

import sys

from sync_operator.cli import main

if __name__ == "__main__":
    sys.exit(main())
