"""For spark-submit: the same as `event-lake stop`."""

import sys

from event_lake.commands.stop import main

if __name__ == "__main__":
    sys.exit(main())
