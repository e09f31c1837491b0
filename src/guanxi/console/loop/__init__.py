"""The way of members through the stages of a trait."""
