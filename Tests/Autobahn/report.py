"""Makes tables of what Autobahn found, and counts.

    report.py [--markdown | --unwell] [NAME=DIRECTORY=CASES]...

Each argument is one direction: what it is called, where Autobahn wrote its reports, and how many cases were to be run.
The last line reads "N cases: A ok, B informational, C non-strict, D failed, E unimplemented", over all directions; it
fails when C, D or E is not 0, or when a case is missing. What counts of a case is the worse of two: what was answered,
and how the connection was closed. Where there is a DIRECTORY-again, the verdicts in it count instead.

--unwell prints the cases that are neither ok nor informational, with commas, and nothing else.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

VERDICTS = ["ok", "informational", "non-strict", "failed", "unimplemented"]
# What is not named here is a way to fail: FAILED, WRONG CODE, UNCLEAN, FAILED BY CLIENT, and whatever may come.
NAMED = {"OK": "ok", "INFORMATIONAL": "informational", "NON-STRICT": "non-strict", "UNIMPLEMENTED": "unimplemented"}
HARMLESS = {"ok", "informational"}
SUBJECTS = {
    "1": "messages of all lengths, and cut anywhere",
    "2": "pings and pongs",
    "3": "reserved bits",
    "4": "reserved opcodes",
    "5": "fragmentation",
    "6": "text that is UTF-8, and text that is not",
    "7": "closing",
    "9": "large messages and many of them",
    "10": "a message in frames that the sender chose",
    "12": "compressed messages of all kinds",
    "13": "compression with all parameters",
}


class Direction:
    """One side under test, and its cases."""

    def __init__(self, argument):
        self.name, directory, expected = argument.split("=")
        self.expected = int(expected)
        (cases,) = json.loads((Path(directory) / "index.json").read_text()).values()
        again = Path(f"{directory}-again") / "index.json"
        self.first = {}
        if again.exists():
            (second,) = json.loads(again.read_text()).values()
            self.first = {case: verdict(cases[case]) for case in second}
            cases.update(second)
        self.verdicts = {case: verdict(result) for case, result in cases.items()}
        self.details = {case: f"{result['behavior']}, closed: {result['behaviorClose']}" for case, result in cases.items()}

    @property
    def counts(self):
        return Counter(self.verdicts.values())

    def chapter(self, number):
        return Counter(v for case, v in self.verdicts.items() if case.split(".")[0] == number)


def verdict(result):
    kinds = [NAMED.get(result[key], "failed") for key in ("behavior", "behaviorClose")]
    severity = ["ok", "informational", "non-strict", "unimplemented", "failed"]
    return max(kinds, key=severity.index)


def summary(counts):
    return f"{counts.total()} cases: " + ", ".join(f"{counts[name]} {name}" for name in VERDICTS)


def rows(direction):
    chapters = {case.split(".")[0] for case in direction.verdicts}
    for number in sorted(chapters, key=int):
        counts = direction.chapter(number)
        yield [number, SUBJECTS.get(number, ""), *(str(counts[name]) for name in VERDICTS)]


def print_table(header, body, markdown):
    if markdown:
        for row in [header, ["---"] * len(header), *body]:
            print("| " + " | ".join(row) + " |")
        return
    widths = [max(len(row[i]) for row in [header, *body]) for i in range(len(header))]
    for row in [header, *body]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def print_direction(direction, markdown):
    print(f"## {direction.name}\n" if markdown else direction.name)
    print_table(["", "cases about", *VERDICTS], list(rows(direction)), markdown)
    print()
    by_number = sorted(direction.verdicts, key=lambda case: [int(part) for part in case.split(".")])
    for case in by_number:
        if direction.verdicts[case] not in HARMLESS:
            print(f"{case}: {direction.details[case]}")
    for case, before in direction.first.items():
        print(f"{case}: first {before}, judged again {direction.verdicts[case]}")
    informational = [case for case in by_number if direction.verdicts[case] == "informational"]
    if informational:
        print(f"informational: {', '.join(informational)}")
    if len(direction.verdicts) != direction.expected:
        print(f"{direction.expected} cases were to be run, and {len(direction.verdicts)} have a report")
    print(f"{direction.name}: {summary(direction.counts)}\n")


def main():
    parser = argparse.ArgumentParser(description="Tables of what Autobahn found.")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--unwell", action="store_true")
    parser.add_argument("directions", nargs="+", type=Direction, metavar="NAME=DIRECTORY=CASES")
    options = parser.parse_args()
    if options.unwell:
        print(",".join(case for direction in options.directions for case, v in direction.verdicts.items() if v not in HARMLESS))
        return
    for direction in options.directions:
        print_direction(direction, options.markdown)
    total = sum((direction.counts for direction in options.directions), Counter())
    print(summary(total))
    complete = all(len(direction.verdicts) == direction.expected for direction in options.directions)
    sys.exit(0 if complete and set(total) <= HARMLESS else 1)


main()
