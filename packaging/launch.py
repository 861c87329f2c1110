"""Sets Diffusion Studio up and opens it. Needs nothing but Python.

    python3 packaging/launch.py                     opens the studio
    python3 packaging/launch.py train PICTURES ...  any command of diffusion-studio
    python3 packaging/launch.py tests               runs the whole test suite; takes pytest's arguments

Everything it installs goes into .venv beside this folder. The second start skips what is up to date.
"""

# This file alone is read by whatever Python the person happens to have, so it keeps to the grammar that all share.
import os
import sys

if sys.version_info < (3, 11):
    print("Diffusion Studio needs Python 3.11 or newer; this is Python %d.%d." % sys.version_info[:2])
    print("Install a newer Python and start again with it, for example: python3.12 packaging/launch.py")
    sys.exit(1)

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from launcher.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
