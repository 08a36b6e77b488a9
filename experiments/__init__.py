"""Scripts that run the studies; each says its claim, command and cost."""
