"""Signing in and out, switching merchants, and one's own account."""
