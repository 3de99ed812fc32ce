"""For spark-submit: the same as `event-lake ingest-raw`."""

import sys

from event_lake.commands.ingest_raw import main

if __name__ == "__main__":
    sys.exit(main())
