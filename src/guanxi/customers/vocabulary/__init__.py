"""What rules about members may name: event types, attributes, and what definitions derive from them."""
