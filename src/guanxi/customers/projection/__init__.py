"""Turns the event log into what is known of customers: identities, links, attributes, consent, daily buckets."""
