from __future__ import annotations

import numpy as np
import pytest

from nerva_py.data.tables import read_table
from nerva_py.errors import DataError

X = np.array([[1.5, -2.0], [0.25, 3e-3], [4.0, 5.0]])


@pytest.mark.parametrize(
    "text",
    [
        "1.5,-2\n0.25,3e-3\n4,5\n",
        "p0,p1\n1.5,-2\n0.25,3e-3\n4,5\n",
        '"p0","p1"\r\n1.5,-2\r\n0.25,3e-3\r\n4,5\r\n',
        "\ufeffp0;p1\n1.5;-2\n0.25;3e-3\n4;5",
        "1,5;-2\n0,25;3e-3\n4;5",
        "p0;p1\n1,5;-2,0\n0,25;3e-3\n4;5",
        "p0\tp1\n1.5\t-2\n0.25\t3e-3\n4\t5",
        "1.5 -2\n0.25   3e-3\n\n4 5",
        ",p0,p1\n0,1.5,-2\n1,0.25,3e-3\n2,4,5\n",
        ";p0;p1\n0;1,5;-2\n1;0,25;3e-3\n2;4;5\n",
    ],
)
def test_what_programs_write(tmp_path, text):
    (tmp_path / "X.csv").write_text(text, encoding="utf-8")
    np.testing.assert_array_equal(read_table(tmp_path / "X.csv"), X)


def test_one_column_and_nan(tmp_path):
    (tmp_path / "X.csv").write_text("p0\n1\n2\n")
    np.testing.assert_array_equal(read_table(tmp_path / "X.csv"), [[1], [2]])
    (tmp_path / "X.csv").write_text("nan,1\n")
    assert np.isnan(read_table(tmp_path / "X.csv")[0, 0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "X.csv: the file is empty"),
        (" \n\n", "X.csv: the file is empty"),
        ("a,b\n", "no numbers below it"),
        ("a,b\n1,2\n3\n", "not a file of numbers"),
        ("1,2\n3,x\n", "not a file of numbers"),
        ("1,2\n3,\n", "not a file of numbers"),
        ("1,x\n3,y\n", "its first line, '1,x', was taken for names"),
    ],
)
def test_what_is_no_table(tmp_path, text, message):
    (tmp_path / "X.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_table(tmp_path / "X.csv")
