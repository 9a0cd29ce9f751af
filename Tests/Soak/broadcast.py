"""10,000 subscribers of a topic, 100 of which stop reading: the others' latency, with and without those."""

import subprocess
from pathlib import Path

from common import expect

BENCHMARKS = Path(__file__).resolve().parents[2] / "Benchmarks"


def run(_, scale):
    # Always with 100 stalled readers besides.
    options = ["--members", str(10_000 // scale), "--rate", "5", "--rounds", "1"]
    code = subprocess.run([BENCHMARKS / "run", "broadcast", *options], timeout=900).returncode
    expect(code == 0, f"the broadcast benchmark ended with {code}")
