"""For spark-submit: the same as `event-lake propose-contracts`."""

import sys

from event_lake.commands.propose_contracts import main

if __name__ == "__main__":
    sys.exit(main())
