"""For spark-submit: the same as `event-lake propose-contracts`."""

import sys

from event_lake.cli.commands import run_command

if __name__ == "__main__":
    sys.exit(run_command("propose_contracts"))
