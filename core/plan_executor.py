"""One plan: journal, send, settle, confirm."""
