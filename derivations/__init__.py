"""The mathematics of nerva_py, proved: one file a chapter, to be read from `primitives` to `errata`."""
