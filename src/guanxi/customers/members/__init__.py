"""Members as people see them: found, read, explained, joined and separated."""
