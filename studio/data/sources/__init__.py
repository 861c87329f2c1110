"""Where pictures come from: one file for each kind of thing that can be dropped, all behind one contract (`source`)."""
