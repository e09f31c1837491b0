"""What a person may ask of the merchant: a copy of all that is known of them, and to be forgotten."""
