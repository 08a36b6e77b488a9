"""Networks: built, read from files, cut into stages."""
