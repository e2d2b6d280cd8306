"""Entry and wiring of the engine."""
