"""The overview: how the shop does."""
