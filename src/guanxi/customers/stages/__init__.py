"""How members are spread over the stages of a trait, and how they move between them."""
