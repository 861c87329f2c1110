"""From whatever was dropped to one uint8 array with labels and a report. A leaf: numpy and Pillow only.

`pixels` alone needs torch, and is therefore not imported here.
"""
