"""Diffusion Studio: see diffusion happen, and make images with a model you trained yourself."""

__version__ = "0.1.0"
