"""The frame around the panels: bars, start page, stage, opening and closing."""
