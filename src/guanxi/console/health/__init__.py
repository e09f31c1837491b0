"""Data health: what comes in, what waits, what could not be taken in, and what the worker does."""
