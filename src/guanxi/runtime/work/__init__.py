"""Long work: what takes longer than somebody would wait for, done beside everything else, with its progress told."""
