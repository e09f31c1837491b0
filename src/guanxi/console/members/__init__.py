"""Members: found, understood, joined and separated, exported and erased."""
