"""The products of sparse matrices, one module a backend, and the compiled kernels."""
