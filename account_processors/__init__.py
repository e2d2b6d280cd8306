"""Reaches exchanges: one shared ccxt base and one small file per exchange."""
