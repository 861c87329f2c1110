"""The training that goes on: its controller, its jobs, and what it keeps on disk. Panels show it."""
