"""What `nerva-py doctor` finds out about a machine, a module a question. Measures and judges; prints nothing.

`timing` and `machine` import neither NumPy nor Numba, so that a benchmark's rivals can use them, too.
"""
