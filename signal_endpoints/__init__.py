"""Listens: the TradingView webhook."""
