"""Decides: pure model and decisions, the ports they need, and a thin shell."""
