"""Random generators as trees, and back: a generator goes on exactly where it was."""

from __future__ import annotations

from typing import Any

import numpy as np

from nerva_py.errors import DataError, NervaError

from . import fields

# What NumPy has; the name in a file chooses among these and nothing else.
_KINDS = {
    kind.__name__: kind
    for kind in (np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937, np.random.Philox, np.random.SFC64)
}


def generator_tree(rng: np.random.Generator) -> dict[str, Any]:
    """The kind of bit generator, and its state."""
    state = rng.bit_generator.state
    if state["bit_generator"] not in _KINDS:
        raise NervaError(f"a random generator of {state['bit_generator']}; {', '.join(_KINDS)} can be saved")
    return dict(state)


def build_generator(tree: Any) -> np.random.Generator:
    """A generator in that state. Raises DataError."""
    kind = fields.text(tree, "bit_generator")
    if kind not in _KINDS:
        raise DataError(f"malformed: a random generator of {kind!r}; known are {', '.join(_KINDS)}")
    generator = _KINDS[kind](0)
    _check_places(kind, fields.field(tree, "state"), tree)
    try:
        generator.state = tree
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise DataError(f"malformed: the state of a random generator ({type(error).__name__}: {error})") from None
    return np.random.Generator(generator)


def _check_places(kind: str, state: Any, tree: Any) -> None:
    """Places in buffers, which NumPy believes."""
    if kind == "MT19937" and fields.integer(state, "pos") > 624:
        raise DataError(f"malformed: pos {state['pos']} of a random generator; 0 to 624 are allowed")
    if kind == "Philox" and fields.integer(tree, "buffer_pos") > 4:
        raise DataError(f"malformed: buffer_pos {tree['buffer_pos']} of a random generator; 0 to 4 are allowed")


def seeds_tree(seeds: np.random.SeedSequence) -> dict[str, Any]:
    """What decides the generators that a sequence of seeds is still to give."""
    entropy = seeds.entropy
    return {
        "entropy": [int(n) for n in entropy] if isinstance(entropy, list | tuple) else entropy,
        "spawn_key": [int(n) for n in seeds.spawn_key],
        "children": seeds.n_children_spawned,
    }


def build_seeds(tree: Any) -> np.random.SeedSequence:
    """A sequence that gives them. Raises DataError."""
    try:
        return np.random.SeedSequence(
            fields.field(tree, "entropy"),
            spawn_key=tuple(fields.items(tree, "spawn_key")),
            n_children_spawned=fields.integer(tree, "children"),
        )
    except (ArithmeticError, TypeError, ValueError) as error:
        raise DataError(f"malformed: the seeds ({type(error).__name__}: {error})") from None
