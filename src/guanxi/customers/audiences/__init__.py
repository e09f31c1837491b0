"""Audiences: members picked by a rule or from a list."""
