"""What the operator sees: journal file, logs, metrics, status."""
