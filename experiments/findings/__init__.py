"""Every number of the tables of findings, from the committed results."""
