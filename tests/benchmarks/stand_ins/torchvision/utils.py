"""Not used by what is measured."""
