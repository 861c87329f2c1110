"""The comparison that is on the screen: its settings, recorded cells, shared playhead and export. Panels show it; none
of them owns it."""
