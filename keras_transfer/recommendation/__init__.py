"""Which layers to copy and freeze: scores, races, decisions."""
