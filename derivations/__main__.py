"""`python -m derivations`: run every proof with progress, print a table, exit with 1 if anything is not proved."""

from nerva_py.verify.report import main

if __name__ == "__main__":
    main()
