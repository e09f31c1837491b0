"""The history of a trait before the first board: what its definition says of past weeks, told as events."""
