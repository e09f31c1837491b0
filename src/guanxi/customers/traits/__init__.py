"""Attributes that a merchant declares, and traits that follow from what is known of a member."""
