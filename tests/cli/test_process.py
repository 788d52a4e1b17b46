"""`nerva-py` as a process: Ctrl-C, a terminal, a closed pipe."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = (sys.executable, "-m", "nerva_py", "train")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUNBUFFERED": "1", "TERM": "xterm"}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals of POSIX")


@pytest.fixture
def interruptible():
    """A shell starts what it runs in the background with SIGINT ignored, and children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_with_the_summary_so_far(tmp_path: Path) -> None:
    log, weights, plot = tmp_path / "run.jsonl", tmp_path / "w.npz", tmp_path / "p.png"
    files = ("--log", log, "--save-weights", weights, "--plot", plot)
    arguments = [*COMMAND, "--epochs=100000", *map(str, files)]
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, cwd=tmp_path
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("epoch   3"):
                break
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired as late:
            process.kill()
            pytest.fail(f"goes on: {(late.stdout or b'')[-1000:]!r}, {(late.stderr or b'')[-1000:]!r}")
    assert (process.returncode, err) == (130, "")
    assert re.search(r"^interrupted +after \d+ of 100000 epochs$", out, re.MULTILINE)
    assert re.search(r"^test accuracy +0\.\d{4}, best ", out, re.MULTILINE)
    epochs = [json.loads(line)["epoch"] for line in log.read_text().splitlines()]
    assert epochs == list(range(1, len(epochs) + 1))
    assert len(epochs) >= 3
    assert weights.exists()
    assert plot.exists()


def test_a_terminal_gets_a_progress_bar() -> None:
    import pty

    ours, theirs = pty.openpty()
    with subprocess.Popen([*COMMAND, "--epochs=30"], stdout=theirs, stderr=theirs, env=ENVIRONMENT) as process:
        os.close(theirs)
        written = b""
        while chunk := _read(ours):
            written += chunk
    os.close(ours)
    text = written.decode()
    assert process.returncode == 0
    assert re.search(r"epoch \d+/30 .*\d+/72 batches", text)
    assert len(re.findall(r"epoch +\d+ lr: ", text)) == 30
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h")  # the cursor is back


def test_a_closed_pipe_is_no_error() -> None:
    pipe = subprocess.Popen([*COMMAND, "--epochs=30"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT)
    assert pipe.stdout is not None
    assert pipe.stderr is not None
    with pipe:
        pipe.stdout.readline()
        pipe.stdout.close()
        assert pipe.stderr.read() == b""


def _read(terminal: int) -> bytes:
    """What was written; nothing at the end, which Linux tells as an error."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""
