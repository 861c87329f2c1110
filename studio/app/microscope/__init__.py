"""The denoising under the microscope: its run, frames, playhead and export. Panels show it; none of them owns it."""
