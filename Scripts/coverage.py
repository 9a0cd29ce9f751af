"""Prints the line coverage of each module from llvm-cov's JSON export, and fails when one is below its bound."""

import json
import sys
from collections import Counter
from pathlib import Path

BOUNDS = {"WSProtocol": 100.0}
LIBRARY_BOUND = 90.0
NO_BOUND = {"hansom"}  # the command: its tests run it as a process of its own, which is not counted


def main():
    sources = Path(__file__).resolve().parent.parent / "Sources"
    report = json.loads(Path(sys.argv[1]).read_text())
    lines, covered = Counter(), Counter()
    gaps = []
    for file in report["data"][0]["files"]:
        path = Path(file["filename"])
        if not path.is_relative_to(sources):
            continue
        module = path.relative_to(sources).parts[0]
        summary = file["summary"]["lines"]
        lines[module] += summary["count"]
        covered[module] += summary["covered"]
        if summary["covered"] < summary["count"]:
            gaps.append((summary["count"] - summary["covered"], module, path.relative_to(sources)))

    # A module of which the tests link nothing does not appear in the report; it has no coverage then.
    modules = {folder.name for folder in sources.iterdir() if any(folder.rglob("*.swift"))}
    failed = []
    for module in sorted(modules):
        percent = 100 * covered[module] / lines[module] if lines[module] else 0.0
        bound = None if module in NO_BOUND else BOUNDS.get(module, LIBRARY_BOUND)
        missed = bound is not None and percent < bound
        if missed:
            failed.append(module)
        wanted = "" if bound is None else f"  at least {bound:g}%{': MISSED' if missed else ''}"
        print(f"{module:20}{percent:7.2f}%  {covered[module]}/{lines[module]} lines{wanted}")
    for count, module, path in sorted(gaps, reverse=True):
        if module in failed:
            print(f"    {count:4} lines not covered in {path}")
    if failed:
        sys.exit(f"coverage: below the bound: {', '.join(failed)}")


main()
