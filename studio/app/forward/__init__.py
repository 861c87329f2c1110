"""The forward process on the screen: one picture, its two ways to noise, and what is measured on them. No widgets."""
