"""For spark-submit: the same as `event-lake reconcile`."""

import sys

from event_lake.commands.reconcile import main

if __name__ == "__main__":
    sys.exit(main())
