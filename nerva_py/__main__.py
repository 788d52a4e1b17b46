"""`python -m nerva_py` is the command `nerva-py`."""

import sys

from nerva_py.cli import main

if __name__ == "__main__":
    sys.exit(main())
