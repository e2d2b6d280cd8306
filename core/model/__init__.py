"""Frozen nouns: what the engine talks about, checked where they are made."""
