"""Which layers to copy and freeze, for a model and images of one's own."""
