"""For spark-submit: the same as `event-lake build-staging`."""

import sys

from event_lake.commands.build_staging import main

if __name__ == "__main__":
    sys.exit(main())
