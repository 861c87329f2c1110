"""The Runs page of the Train family."""
