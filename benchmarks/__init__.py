"""Measures ratios between the engine and a yardstick of the same run."""
