"""Events as typed columns, for questions about everybody: what the daily buckets are for one member."""
