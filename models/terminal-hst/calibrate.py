#!/usr/bin/env python3
"""Calibrates terminal-hst on simulated data, from nothing.

    pip install scikit-learn pandas pyarrow
    cargo build --release
    python models/terminal-hst/calibrate.py --work /tmp/terminal-hst

Half-space trees rank rows; what share of a rank is fraud is for data to say. Scores simulated streams
with the trees alone, joins the ground truth by event id, fits an isotonic curve on some streams, measures
it on others, and writes model.toml and metrics.json beside itself. Same versions, same bytes.
"""

import argparse
import json
import os
import subprocess
from pathlib import Path

import numpy
import pandas
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import average_precision_score, roc_auc_score

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

# (seed, terminals, records); a seed is used for one part only.
FIT = [(401, 20_000, 400_000), (402, 5_000, 400_000)]
TEST = [(501, 20_000, 400_000), (502, 5_000, 400_000)]

# A curve of a few straight lines says as much as a step for every score.
POINTS = 24
# An honest detector of the unusual is never sure.
PROBABILITY_MAX = 0.9


def stream(arguments, config, seed, terminals, records):
    """Raw score and label of each row of one simulated stream that the warm model saw."""
    stem = arguments.work / f"seed{seed}-{terminals}-{records}"
    data, truth, scores = (f"{stem}.jsonl", f"{stem}.truth.jsonl", f"{stem}.scores.parquet")
    if not os.path.exists(data):
        run(arguments, "simulate", "--records", records, "--terminals", terminals, "--seed", seed, "--full",
            "--output", data, "--truth", truth)
    run(arguments, "score", "--config", config, "--input", data, "--output", scores)
    table = pandas.read_parquet(scores, columns=["event_id", "probability", "flags"])
    with open(truth) as lines:
        facts = [json.loads(line) for line in lines]
    fraud = {f["event_id"] for f in facts if f["kind"] == "transaction"}
    table["fraud"] = table.event_id.isin(fraud)
    warm = ~table["flags"].map(lambda flags: "MODEL_WARMING" in flags)
    print(f"  {stem.name}: {warm.sum()} rows, {table.fraud[warm].sum()} fraudulent")
    return table[warm]


def run(arguments, *command):
    subprocess.run([arguments.tillwatch, *map(str, command)], check=True)


def curve(rows):
    """Raw scores and probabilities of an isotonic curve, thinned to straight lines."""
    isotonic = IsotonicRegression(y_min=0, y_max=PROBABILITY_MAX)
    isotonic.fit(rows.probability, rows.fraud)
    # Ever closer together towards 1, where the strange ones are.
    ranks = 1 - numpy.geomspace(1, 10 / len(rows), POINTS)
    raw = numpy.unique(numpy.quantile(rows.probability, numpy.append(ranks, 1)).round(9))
    return without_plateaus(raw, numpy.maximum.accumulate(isotonic.predict(raw)).round(6))


def without_plateaus(raw, probability):
    """Leaves out the points inside of level stretches."""
    step = numpy.diff(probability) != 0
    ends = numpy.append(step, False) | numpy.append(False, step)
    return raw[ends], probability[ends]


def table(numbers):
    lines = [numbers[first:first + 6] for first in range(0, len(numbers), 6)]
    return "[\n" + "".join("    " + ", ".join(map(repr, line)) + ",\n" for line in lines) + "]"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tillwatch", default=str(ROOT / "target/release/tillwatch"))
    parser.add_argument("--work", type=Path, default=Path("/tmp/terminal-hst"))
    arguments = parser.parse_args()
    template = (HERE / "model.template.toml").read_text()

    bare = arguments.work / "bare"
    bare.mkdir(parents=True, exist_ok=True)
    (bare / "model.toml").write_text(template.replace("@CALIBRATION@", ""))
    (bare / "trees.toml").write_text((HERE / "trees.toml").read_text())
    config = arguments.work / "tillwatch.toml"
    config.write_text(
        f'[features]\ncatalog = "{ROOT}/models/features/card-present.toml"\n[models]\nchampion = "{bare}"\n'
    )
    print("fit"), (fit := pandas.concat([stream(arguments, config, *one) for one in FIT]))
    print("test"), (test := pandas.concat([stream(arguments, config, *one) for one in TEST]))

    raw, probability = curve(fit)
    calibration = (
        '[calibration]\nmethod = "isotonic"\n'
        f"raw = {table(raw.tolist())}\nprobability = {table(probability.tolist())}"
    )
    note = "# Written by calibrate.py from model.template.toml: change that one.\n\n"
    (HERE / "model.toml").write_text(note + template.replace("@CALIBRATION@", calibration))

    found = numpy.interp(test.probability, raw, probability)
    metrics = {
        "rows": len(test),
        "fraudulent": int(test.fraud.sum()),
        "auc": roc_auc_score(test.fraud, test.probability),
        "average_precision": average_precision_score(test.fraud, test.probability),
        "mean_probability": found.mean(),
        "share_of_fraud": test.fraud.mean(),
        "from": {
            str(least): {
                "precision": test.fraud[found >= least].mean() if (found >= least).any() else None,
                "recall": (found[test.fraud] >= least).mean(),
            }
            for least in [0.1, 0.25, 0.5]
        },
    }
    text = json.dumps(metrics, indent=2)
    (HERE / "metrics.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
