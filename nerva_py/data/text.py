"""A text problem from files that are installed anyway: which package does a paragraph of documentation come from?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from nerva_py.data.dataset import Dataset, from_arrays
from nerva_py.errors import DataError
from nerva_py.quantities import as_integer

DOCUMENTED = ("matplotlib", "numba", "numpy", "scipy", "sklearn", "sympy")  # what nerva_py needs is always there
MIN_WORDS = 10  # shorter paragraphs are headings and signatures
DOCSTRING = re.compile(r'"""(.*?)"""', re.DOTALL)
PARAGRAPH = re.compile(r"\n\s*\n")
TEST_FILES = 5  # every fifth file is for testing


def load_text(features: int = 2**17) -> Dataset:
    """Paragraphs of the docstrings of six installed packages as sparse samples; the class is the package.

    A sample says with ones which words and pairs of words occur in it, hashed by scikit-learn's HashingVectorizer: about 40
    of 131,072 features. Each paragraph is there once; paragraphs of one file are all for training or all for
    testing, every fifth file. Numbers depend on the versions of the packages. Raises DataError.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    width = as_integer(features)
    if width is None or not 1 <= width < 2**31:
        raise DataError(f"features: {features!r}; an integer from 1 to {2**31 - 1} is allowed")
    vectorizer = HashingVectorizer(n_features=width, ngram_range=(1, 2), binary=True, norm=None, dtype=np.float32)
    texts: tuple[list[str], list[str]] = [], []
    labels: tuple[list[int], list[int]] = [], []
    seen: set[str] = set()
    for label, package in enumerate(DOCUMENTED):
        for number, file in enumerate(_sources(package)):
            part = number % TEST_FILES == TEST_FILES - 1
            for paragraph in _paragraphs(file):
                if paragraph not in seen:
                    seen.add(paragraph)
                    texts[part].append(paragraph)
                    labels[part].append(label)
    X, X_test = (vectorizer.transform(one) for one in texts)
    return from_arrays(X, labels[0], X_test, labels[1], name="text", num_classes=len(DOCUMENTED))


def _sources(package: str) -> list[Path]:
    """The Python files of an installed package, tests apart, always in the same order."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f"package {package}: not installed; the data set 'text' is made from its docstrings")
    root = Path(spec.submodule_search_locations[0])
    return sorted(file for file in root.rglob("*.py") if "tests" not in file.relative_to(root).parts)


def _paragraphs(file: Path) -> Iterator[str]:
    """The longer paragraphs of its docstrings, on one line each."""
    for docstring in DOCSTRING.findall(file.read_text(encoding="utf-8", errors="replace")):
        for paragraph in PARAGRAPH.split(docstring):
            words = paragraph.split()
            if len(words) >= MIN_WORDS:
                yield " ".join(words)
