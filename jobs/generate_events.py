"""For spark-submit: the same as `event-lake generate-events`."""

import sys

from event_lake.commands.generate_events import main

if __name__ == "__main__":
    sys.exit(main())
