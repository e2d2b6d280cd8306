"""One account: read, size, reconcile, check, hand over plans, one pass at a time."""
