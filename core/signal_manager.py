"""Reads all sources, merges them by weight and says what changed."""
