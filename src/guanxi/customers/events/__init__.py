"""Events as they arrive: the catalogue, the door they come in by, what they measure."""
