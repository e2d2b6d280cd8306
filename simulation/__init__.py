"""Worlds we can make: virtual time, faults, invariants, scenarios."""
