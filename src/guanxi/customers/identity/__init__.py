"""Who a member is: typed identities, the links between them, and the people they add up to."""
