"""Models on disk: one safetensors file each, enough to make pictures, checked before anything is built from it."""
