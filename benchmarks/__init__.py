"""One file per promise of speed: each measures ours and its yardstick in one run."""
