"""What the process needs before and after its window: logs, crash reports, garbage collection in the right thread."""
