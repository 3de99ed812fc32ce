"""For spark-submit: the same as `event-lake quality-report`."""

import sys

from event_lake.commands.quality_report import main

if __name__ == "__main__":
    sys.exit(main())
