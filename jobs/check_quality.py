"""For spark-submit: the same as `event-lake check-quality`."""

import sys

from event_lake.commands.check_quality import main

if __name__ == "__main__":
    sys.exit(main())
