"""Where things are kept: the transactional database, the event log with its lake, keys, and the analytic engine."""
