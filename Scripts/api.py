#!/usr/bin/env python3
"""Turns what swift-api-digester dumped of a module into lines, one for each public symbol, sorted."""
import json
import sys


def shown(node):
    """What a user's code depends on: kind, name, types, effects, generic constraints."""
    parts = [node["declKind"].lower(), node["printedName"]]
    if node.get("static"):
        parts.insert(0, "static")
    types = [child["printedName"] for child in node.get("children", []) if child.get("kind", "").startswith("Type") and "declKind" not in child]
    if types:
        parts.append(": " + " <- ".join([types[0], ", ".join(types[1:])] if len(types) > 1 else types))
    if node.get("throwing"):
        parts.append("throws")
    if node.get("genericSig"):
        parts.append(node["genericSig"])
    return " ".join(parts)


def lines(node, path, module):
    for child in node.get("children", []):
        kind = child.get("declKind")
        if kind is None or kind in ("Import", "Accessor") or child.get("implicit") or child.get("isInternal"):
            continue
        # A type of another module is in that module's list; what this one adds to it is here.
        if child.get("moduleName") == module and not child.get("isExternal"):
            yield f"{path}{shown(child)}"
        yield from lines(child, f"{path}{child['name']}.", module)


def main():
    dump, module = sys.argv[1:]
    with open(dump, encoding="utf-8") as file:
        root = json.load(file)["ABIRoot"]
    for line in sorted(set(lines(root, "", module))):
        print(line)


main()
