"""The open data set before it is learned: what was found, how it will come in, what is left out. No widgets."""
