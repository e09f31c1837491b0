"""The event log: a bounded hot tail, a lake for ever, and readers that follow both in order."""
