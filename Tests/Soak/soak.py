"""Runs the parts of the soak; see Scripts/soak."""

import argparse
import subprocess
import sys
import time

import broadcast
import churn
import faults
import limit
import workers
from common import Fault

PARTS = {"limit": limit, "workers": workers, "churn": churn, "broadcast": broadcast, "faults": faults}


def main():
    parser = argparse.ArgumentParser(prog="soak")
    parser.add_argument("--hansom", required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("parts", nargs="*", metavar="PART")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - PARTS.keys()
    if unknown:
        parser.error(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    faults = 0
    for name in arguments.parts or PARTS:
        start = time.monotonic()
        try:
            PARTS[name].run(arguments.hansom, 10 if arguments.quick else 1)
        except (Fault, subprocess.SubprocessError) as fault:
            faults += 1
            print(f"{name}: FAULT: {fault}", flush=True)
        print(f"{name}: {time.monotonic() - start:.0f} s", flush=True)
    sys.exit(1 if faults else 0)


main()
