"""Every equation, once: pure functions over the table of matrix primitives, forward beside backward."""
