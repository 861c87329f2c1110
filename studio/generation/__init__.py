"""From a model and a request to pictures (sampling.py), and from pictures to files (export.py)."""
