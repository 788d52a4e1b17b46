"""Testing the proof: every equation is changed a little, in every way that a slip of the pen could, and the chapters of this
book must reject each change.

    make mutation                                all of it, on every core, with a table at the end
    make mutation ARGS="--module softmax"        the equations of one file

- `operators` says what a slip is: a sign, an operator, a transpose, a term or factor left out, a wrong axis, operands or
  arguments swapped, an index off by one, another constant, a function taken for its neighbour.
- `mutants` applies each of them at each place of a source file.
- `trial` executes the changed source in place of the original, in a process of its own, and tries the proofs.
- `equivalent` lists the changes that change nothing, each with the argument why.
"""
