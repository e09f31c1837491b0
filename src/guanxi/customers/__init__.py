"""Who the merchant's customers are and what they did: identity, events, consent, attributes."""
