"""When to freeze: a map of width against target images."""
