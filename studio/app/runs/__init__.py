"""The runs on disk: which there are, how they compare, and following one that another process trains."""
