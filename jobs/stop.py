"""For spark-submit: the same as `event-lake stop`."""

import sys

from event_lake.cli.commands import run_command

if __name__ == "__main__":
    sys.exit(run_command("stop"))
