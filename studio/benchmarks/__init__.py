"""How fast, and how good, against other programs: what `diffusion-studio bench` runs and anyone can run again.

The others (extra `bench`) are used as their own documentation shows them, in the same process and turn by turn with the
studio, so that a busy computer disturbs all alike. Figures are ratios; the seconds of one computer mean little.
"""
