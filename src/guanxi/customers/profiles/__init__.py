"""What is known of members, of one and of all: attributes, windows over events, and what is derived from them."""
