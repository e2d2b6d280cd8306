"""Merges once, hands each account its targets and waits for none of them."""
