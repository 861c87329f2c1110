"""What the pixel plane shows, without its widgets."""
