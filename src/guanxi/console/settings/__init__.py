"""Settings: accounts, keys, people and roles, the audit trail."""
