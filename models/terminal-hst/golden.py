#!/usr/bin/env python3
"""Writes golden.json: what terminal-hst says of some rows after one window of made-up ones.

    python models/terminal-hst/golden.py

Computes half-space trees by their definition, node by node and in plain Python, from trees.toml and the
calibration in model.toml. It shares nothing with the program, which recomputes these vectors whenever it
loads the model. Run it after calibrate.py.
"""

import json
import math
import random
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent

# Half-space trees as river has them: no split nearer to an end than this share of the extent, and no way
# goes on below a node with less than this share of the window.
PADDING = 0.15
SHARE_TO_GO_ON = 0.1

# Rows of the window: so many different ones, each so often that they fill it.
DIFFERENT = 64
PROBES = 24


class SplitMix64:
    def __init__(self, seed):
        self.state = seed

    def unit(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) % 2**64
        word = self.state
        word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        word = (word ^ word >> 27) * 0x94D049BB133111EB % 2**64
        word ^= word >> 31
        return ((word >> 12) + 0.5) / 2**52


class Node:
    """A node, with those below it down to `height`; drawn depth first."""

    def __init__(self, height, ranges, numbers):
        self.mass = self.counted = 0
        self.children = []
        if height == 0:
            return
        left = numbers.unit() * sum(high - low for low, high in ranges)
        for self.feature, (low, high) in enumerate(ranges):
            left -= high - low
            if left < 0:
                break
        low, high = ranges[self.feature]
        self.threshold = low + (high - low) * (PADDING + (1 - 2 * PADDING) * numbers.unit())
        for part in (low, self.threshold), (self.threshold, high):
            below = ranges[: self.feature] + [part] + ranges[self.feature + 1 :]
            self.children.append(Node(height - 1, below, numbers))

    def way(self, row):
        yield self
        if self.children:
            yield from self.children[row[self.feature] >= self.threshold].way(row)

    def all(self):
        yield self
        for child in self.children:
            yield from child.all()


class HalfSpaceTrees:
    def __init__(self, settings):
        self.window, self.height = settings["window"], settings["height"]
        numbers = SplitMix64(settings["seed"])
        whole = [(0.0, 1.0)] * len(settings["inputs"])
        self.trees = [Node(self.height, whole, numbers) for _ in range(settings["trees"])]
        self.learnt = 0

    def score(self, row):
        if self.learnt < self.window:
            return 0.0
        points = 0
        for tree in self.trees:
            for depth, node in enumerate(tree.way(row)):
                points += node.mass * 2**depth
                if node.mass < math.ceil(SHARE_TO_GO_ON * self.window):
                    break
        return 1 - points / (len(self.trees) * self.window * (2 ** (self.height + 1) - 1))

    def learn(self, row, times):
        for tree in self.trees:
            for node in tree.way(row):
                node.counted += times
        self.learnt += times
        assert self.learnt <= self.window or times == 1
        if self.learnt % self.window == 0:
            for node in (node for tree in self.trees for node in tree.all()):
                node.mass, node.counted = node.counted, 0


def position(entry, value):
    if value is None:
        return entry.get("missing", 0.5)
    value = {"inf": math.inf, "-inf": -math.inf}.get(value, value)
    scale = math.log1p if entry.get("scale") == "log1p" else float
    low, high = entry["low"], entry["high"]
    factor = 1 / (scale(high) - scale(low))
    return min(max((scale(min(max(value, low), high)) - scale(low)) * factor, 0.0), 1.0)


def probability(table, score):
    raw, points = table["raw"], table["probability"]
    above = sum(point <= score for point in raw)
    if above in (0, len(raw)):
        return points[min(above, len(raw) - 1)]
    share = (score - raw[above - 1]) / (raw[above] - raw[above - 1])
    return points[above - 1] + share * (points[above] - points[above - 1])


def usual(entry, draw):
    """A value as most are: in the lower part of the range, now and then missing."""
    value = entry["low"] + (entry["high"] - entry["low"]) * draw.betavariate(2, 9)
    return None if draw.random() < 0.04 else round(value, 3)


def strange(entry, draw):
    odd = [None, "inf", "-inf", entry["low"], entry["high"], 2 * entry["high"]]
    return draw.choice(odd) if draw.random() < 0.5 else round(draw.uniform(entry["low"], entry["high"]), 3)


def main():
    settings = tomllib.loads((HERE / "trees.toml").read_text())
    table = tomllib.loads((HERE / "model.toml").read_text())["calibration"]
    inputs = settings["inputs"]
    trees, draw, rows = HalfSpaceTrees(settings), random.Random(20), []
    times = settings["window"] // DIFFERENT
    assert times * DIFFERENT == settings["window"]
    for number in range(DIFFERENT + PROBES):
        is_probe = number >= DIFFERENT
        make = strange if is_probe and number % 3 else usual
        row = {"inputs": [make(entry, draw) for entry in inputs]}
        place = [position(*pair) for pair in zip(inputs, row["inputs"])]
        row["raw"] = trees.score(place)
        if is_probe:
            row["probability"] = probability(table, row["raw"])
        else:
            row["times"] = times
        trees.learn(place, 1 if is_probe else times)
        rows.append(row)
    lines = ",\n".join(json.dumps(row) for row in rows)
    (HERE / "golden.json").write_text(f'{{"tolerance": 1e-12, "rows": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
