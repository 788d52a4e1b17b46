"""`python -m derivations.errata`: every erratum with its counterexample; with --table, the Markdown table."""

import sys

from derivations.errata import ERRATA, counterexample, table

if __name__ == "__main__":
    print(table() if "--table" in sys.argv else "\n\n".join(map(counterexample, ERRATA)))
