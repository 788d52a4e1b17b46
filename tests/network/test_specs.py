from __future__ import annotations

import pytest

from nerva_py.errors import NervaError
from nerva_py.network.initializers import INITIALIZERS
from nerva_py.network.specs import build, numbers, parse, split
from nerva_py.training import OPTIMIZERS


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("ReLU", ("ReLU", [], {})),
        (" ReLU ", ("ReLU", [], {})),
        ("ReLU()", ("ReLU", [], {})),
        ("Nesterov(0.9)", ("Nesterov", [0.9], {})),
        ("SReLU(0, 0, 0, 1)", ("SReLU", [0, 0, 0, 1], {})),
        ("AllReLU(-0.6)", ("AllReLU", [-0.6], {})),
        ("Adam(0.9, epsilon=1e-6)", ("Adam", [0.9], {"epsilon": 1e-6})),
        ("MultiStepLR(0.1;50,75;0.1)", ("MultiStepLR", [0.1, [50, 75], 0.1], {})),
        ("MultiStepLR(0.1, [50, 75], gamma=0.1)", ("MultiStepLR", [0.1, [50, 75]], {"gamma": 0.1})),
        ("MultiStepLR(0.1;50;0.1)", ("MultiStepLR", [0.1, 50, 0.1], {})),
        ("MultiStepLR(0.1;milestones=50|75;gamma=0.1)", ("MultiStepLR", [0.1], {"milestones": [50, 75], "gamma": 0.1})),
        ("MultiStepLR(lr=0.1; milestones=50,75)", ("MultiStepLR", [], {"lr": 0.1, "milestones": [50, 75]})),
        ("MultiStepLR(0.1, 5|50|75, 0.1)", ("MultiStepLR", [0.1, [5, 50, 75], 0.1], {})),
        ("SET(random)", ("SET", ["random"], {})),
    ],
)
def test_parse(spec, expected):
    assert parse("thing", spec) == expected


@pytest.mark.parametrize(
    "spec", ["", "(0.9)", "Nesterov(0.9", "Nesterov 0.9", "0.9", "Nesterov(__import__('os'))", "A(1+)", "A(*x)"]
)
def test_what_cannot_be_read_is_an_error(spec):
    with pytest.raises(NervaError, match="thing "):
        parse("thing", spec)


@pytest.mark.parametrize(
    ("specs", "expected"),
    [
        ("ReLU;ReLU;Linear", ["ReLU", "ReLU", "Linear"]),
        ("AllReLU(0.3); Linear", ["AllReLU(0.3)", "Linear"]),
        ("A(1;2,3);B", ["A(1;2,3)", "B"]),
        ("ReLU;", ["ReLU"]),
        ("ReLU,LeakyReLU(0.1),Linear", ["ReLU", "LeakyReLU(0.1)", "Linear"]),
        (
            "Momentum(0.9),Nesterov(momentum=0.9);Adam(0.9, 0.99)",
            ["Momentum(0.9)", "Nesterov(momentum=0.9)", "Adam(0.9, 0.99)"],
        ),
        ("", []),
    ],
)
def test_split(specs, expected):
    assert split(specs) == expected


def factory(a: float, b: float = 2.0):
    if a < 0:
        raise ValueError("a must not be negative")
    return ("built", a, b)


REGISTRY = {"Thing": factory, "Other": lambda: "other"}


@pytest.mark.parametrize("spec", ["Thing(1)", "thing(1)", "THING(a=1)", "Thing(1, 2)", "Thing(1, b=2.0)"])
def test_build(spec):
    assert build("part", spec, REGISTRY) == ("built", 1, 2)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("Thng(1)", r"unknown part 'Thng'; did you mean 'Thing'\? Known: Other, Thing"),
        ("Sigmoidal", r"unknown part 'Sigmoidal'\. Known: Other, Thing"),
        ("Thing", r"part 'Thing': missing a required argument: 'a'; expected Thing\(a, b=2.0\)"),
        ("Thing(1, 2, 3)", r"too many positional arguments; expected Thing\(a, b=2.0\)"),
        ("Thing(1, c=3)", r"unexpected keyword argument 'c'"),
        ("Thing(-1)", "part 'Thing\\(-1\\)': a must not be negative"),
        ("Other(1)", "expected Other without arguments"),
        ("Thing('x')", r"part .*'<' not supported"),
    ],
)
def test_errors_say_what_is_known(spec, message):
    with pytest.raises(NervaError, match=message):
        build("part", spec, REGISTRY)


def test_numbers():
    assert numbers("sizes", "3072;1024, 10;", int) == [3072, 1024, 10]
    assert numbers("densities", "0.5;1e-3") == [0.5, 0.001]
    with pytest.raises(NervaError, match="sizes must be numbers separated by semicolons, not '3;x'"):
        numbers("sizes", "3;x", int)


@pytest.mark.parametrize(
    ("spec", "same", "registry"),
    [
        ("Momentum(momentum=0.8)", "Momentum(0.8)", OPTIMIZERS),
        ("nesterov(momentum=0.8, weight_decay=0.1)", "Nesterov(0.8, 0.1)", OPTIMIZERS),
        ("Normal(a=1, b=0.5)", "Normal(1, 0.5)", INITIALIZERS),
        ("Normal(mean=1, std=0.5)", "Normal(1, 0.5)", INITIALIZERS),
    ],
)
def test_names_of_arguments_in_nervas_python_versions(spec, same, registry):
    assert build("thing", spec, registry) == build("thing", same, registry)
