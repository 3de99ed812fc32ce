"""Turn the stream's records into the tables of the raw layer: events, quarantine and ledger."""
