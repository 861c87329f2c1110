"""Algorithm 20.1 in slow motion: which run it walks through, the step it shows and the line it has come to."""
