"""Exchanges we can make: a pure state machine and four REST protocols over it."""
