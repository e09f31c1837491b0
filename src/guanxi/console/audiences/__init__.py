"""Audiences: built, looked at, compared, and asked why somebody is in one."""
