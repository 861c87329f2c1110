"""What launch.py does, one subject a file. Standard library only: it runs before anything is installed."""
