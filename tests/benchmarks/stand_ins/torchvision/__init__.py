"""Names alone: enough for `import denoising_diffusion_pytorch` where no torchvision fits the torch that is installed.

Its Trainer reads and writes pictures by torchvision; the network and the diffusion, which are what is measured, do not
use it. Put tests/benchmarks/stand_ins on PYTHONPATH for `diffusion-studio bench` on such a computer.
"""

from . import transforms, utils

__all__ = ["transforms", "utils"]
