"""Testing the tests: the code around the equations is changed a little, and the tests that execute the changed line must fail.

    make mutation-tests                            a sample, about ten minutes
    make mutation-tests ARGS="--limit 1000"        a larger one
    make mutation-tests ARGS="--module optimizers" of one file only

Equations and kernels have a stricter judge: their changes must be rejected by proofs (`make mutation`).

- `slips` says what a slip is in ordinary code: a condition, a constant, a default, an operator, a statement left out.
- `coverage` finds out which tests execute which line, and how long each takes; that is measured once and kept.
- `trial` runs those tests on the changed source, in a process of its own.
- `equivalent` lists the changes that change nothing that a test could see, each with the argument why.
"""
