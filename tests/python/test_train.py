"""What trains a release still runs: a call that it names and that is gone would end a release build."""

import subprocess
import sys
from pathlib import Path

TRAIN = Path(__file__).resolve().parents[2] / "benches" / "train"


def test_the_training_of_a_release_runs_to_its_end():
    done = subprocess.run([sys.executable, "-W", "error", TRAIN, "400"], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("training botsec ")
