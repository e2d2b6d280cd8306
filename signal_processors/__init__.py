"""Understands sources: raw input to normalized depths."""
