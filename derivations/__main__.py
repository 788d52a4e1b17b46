"""`python -m derivations`: prove everything, print a table, exit with 1 if anything is not proved. As `nerva-py verify`."""

import sys

from nerva_py.cli import main

if __name__ == "__main__":
    sys.exit(main(["verify", *sys.argv[1:]]))
