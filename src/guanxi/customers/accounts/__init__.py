"""The merchant's enterprise accounts: where their events come from. Members are shared by all of them."""
