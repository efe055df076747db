#!/usr/bin/env python3
"""Trains terminal-gbdt on simulated data, from nothing.

    pip install lightgbm pandas pyarrow
    cargo build --release
    python models/terminal-gbdt/train.py --work /tmp/terminal-gbdt

Simulates streams, has `tillwatch score --features` compute the features (the same code that runs in
production, so there is nothing to keep in step), joins the ground truth by event id, trains, measures
on streams it has not seen, and writes model.txt, model.toml, golden.json and metrics.json beside
itself. Streams are kept in the work directory and used again. Same versions, same bytes.
"""

import argparse
import json
import os
import subprocess
from pathlib import Path

import lightgbm
import numpy
import pandas

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

# (seed, terminals, records): a wide fleet seen for an hour and a half, and a narrow one seen for most
# of a day, so that the model knows terminals with little history and with much. A seed is used for
# one part only.
TRAIN = [(101, 50_000, 500_000), (102, 50_000, 500_000), (103, 5_000, 500_000)]
VALIDATION = [(201, 50_000, 300_000), (202, 5_000, 300_000)]
TEST = [(301, 50_000, 500_000), (302, 5_000, 500_000)]

# Ids, times and places are not in the list, nor anything that the truth file says. Amounts are in no
# common currency. Typed-in card numbers, amounts that the card did not sign and software versions separate
# the simulated frauds far better than they would real ones. What compares with weeks is unknown in streams
# of a day. The rules use all of these.
INPUTS = [
    "declined",
    "stripe",
    "fallback",
    "advice",
    "refund",
    "transactions_5m",
    "transactions_1h",
    "transactions_24h",
    "time_since_last",
    "cadence_variation",
    "ticket_z",
    "declined_ratio_5m",
    "declined_ratio_1h",
    "cards_5m",
    "cards_1h",
    "bins_5m",
    "cryptogram_reads_1h",
    "cryptograms_1h",
    "unpredictable_numbers",
    "fallbacks_1h",
    "fallback_ratio_1h",
    "fallback_ratio_24h",
    "contactless_ratio_1h",
    "pin_bypasses_1h",
    "stripe_ratio_1h",
    "round_ratio_1h",
    "force_post_ratio_24h",
    "stan_duplicates_24h",
    "stan_forks_1h",
    "sequence_forks_1h",
    "ksn_regressions_1h",
    "serial_changes_1h",
    "serial_changes_24h",
    "distance_km",
    "speed_kmh",
    "card_repeats_24h",
    "card_sales_24h",
    "refund_ratio_24h",
    "cash_elsewhere_1h",
]

PARAMETERS = {
    "objective": "binary",
    "num_leaves": 31,
    "learning_rate": 0.1,
    "min_data_in_leaf": 400,
    "max_bin": 127,
    "feature_fraction": 0.8,
    "lambda_l2": 10.0,
    "seed": 1,
    "deterministic": True,
    "force_col_wise": True,
    "num_threads": 2,
    "verbosity": -1,
}
TREES_MAX = 80
# A longer run of trees on validation that does not help ends the training.
PATIENCE = 10
GOLDEN_ROWS = 200

REVIEW_FROM = 0.5
DECLINE_FROM = 0.9


def stream(arguments, seed, terminals, records):
    """Features, label and scenario of one simulated stream, one row per transaction."""
    stem = arguments.work / f"seed{seed}-{terminals}-{records}"
    data, truth, scores = (f"{stem}.jsonl", f"{stem}.truth.jsonl", f"{stem}.features.parquet")
    if not os.path.exists(data):
        run(arguments, "simulate", "--records", records, "--terminals", terminals, "--seed", seed, "--full",
            "--output", data, "--truth", truth)
    if not os.path.exists(scores):
        config = arguments.work / "features.toml"
        config.write_text(
            f'[features]\ncatalog = "{ROOT}/models/features/card-present.toml"\n'
            f'[models]\nchampion = "{ROOT}/models/terminal-rules"\n'
        )
        run(arguments, "score", "--config", config, "--input", data, "--output", scores, "--features")
    table = pandas.read_parquet(scores, columns=["event_id", "catalog", *INPUTS])
    with open(truth) as lines:
        facts = [json.loads(line) for line in lines]
    scenarios = {f["id"]: f["scenario"] for f in facts if f["kind"] == "scenario"}
    fraud = {f["event_id"]: scenarios[f["scenario_id"]] for f in facts if f["kind"] == "transaction"}
    table["scenario"] = table.event_id.map(fraud)
    table["fraud"] = table.scenario.notna()
    print(f"  {stem.name}: {len(table)} transactions, {table.fraud.sum()} fraudulent")
    return table


def run(arguments, *command):
    subprocess.run([arguments.tillwatch, *map(str, command)], check=True)


def part(arguments, streams):
    return pandas.concat([stream(arguments, *one) for one in streams], ignore_index=True)


def auc(fraud, score):
    """Area under the ROC curve: the share of pairs that are ranked right."""
    ranks = pandas.Series(score).rank().to_numpy()
    positive = fraud.sum()
    return (ranks[fraud].sum() - positive * (positive + 1) / 2) / (positive * (len(fraud) - positive))


def average_precision(fraud, score):
    order = numpy.argsort(-score, kind="stable")
    hits = fraud[order]
    precision = numpy.cumsum(hits) / numpy.arange(1, len(hits) + 1)
    return precision[hits].mean()


def measure(test, score):
    fraud = test.fraud.to_numpy()
    honest = (~fraud).sum()
    metrics = {
        "transactions": len(test),
        "fraudulent": int(fraud.sum()),
        "auc": auc(fraud, score),
        "average_precision": average_precision(fraud, score),
    }
    for name, threshold in [("review", REVIEW_FROM), ("decline", DECLINE_FROM)]:
        flagged = score >= threshold
        metrics[name] = {
            "from": threshold,
            "precision": float(fraud[flagged].mean()) if flagged.any() else None,
            "honest_flagged_per_100k": float((flagged & ~fraud).sum() / honest * 1e5),
            "recall": {"all": float(flagged[fraud].mean())}
            | {
                scenario: float(flagged[(test.scenario == scenario).to_numpy()].mean())
                for scenario in sorted(test.scenario.dropna().unique())
            },
        }
    return metrics


def write_golden(booster, test):
    """Rows for the loader to check: half of them frauds, so that most leaves are met."""
    half = GOLDEN_ROWS // 2
    rows = pandas.concat([
        test[test.fraud].sample(half, random_state=1),
        test[~test.fraud].sample(half, random_state=1),
    ])[INPUTS]
    raw = booster.predict(rows, raw_score=True)
    probability = booster.predict(rows)
    values = rows.astype(object).where(rows.notna(), None).to_numpy().tolist()
    golden = {
        # LightGBM sums the leaves of some rows in another order.
        "tolerance": 1e-9,
        "rows": [
            {"inputs": inputs, "raw": float(r), "probability": float(p)}
            for inputs, r, p in zip(values, raw, probability)
        ],
    }
    text = json.dumps(golden).replace('{"inputs"', '\n{"inputs"')
    (HERE / "golden.json").write_text(text + "\n")


def write_description(catalog_version, booster):
    """Fills in what training decided; the reasons are written by hand."""
    template = (HERE / "model.template.toml").read_text()
    inputs = "".join(f'    "{name}",\n' for name in INPUTS)
    text = template.replace("@CATALOG_VERSION@", catalog_version).replace("@INPUTS@", inputs)
    (HERE / "model.toml").write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tillwatch", default=str(ROOT / "target/release/tillwatch"))
    parser.add_argument("--work", type=Path, default=Path("/tmp/terminal-gbdt"))
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)

    print("train"), (train := part(arguments, TRAIN))
    print("validation"), (validation := part(arguments, VALIDATION))
    print("test"), (test := part(arguments, TEST))
    versions = {v for table in (train, validation, test) for v in table.catalog.unique()}
    if len(versions) != 1:
        raise SystemExit(f"features of several catalogs {versions} in {arguments.work}; empty it")

    dataset = lightgbm.Dataset(train[INPUTS], train.fraud)
    booster = lightgbm.train(
        PARAMETERS,
        dataset,
        num_boost_round=TREES_MAX,
        valid_sets=[lightgbm.Dataset(validation[INPUTS], validation.fraud, reference=dataset)],
        callbacks=[lightgbm.early_stopping(PATIENCE), lightgbm.log_evaluation(10)],
    )
    booster.save_model(HERE / "model.txt", num_iteration=booster.best_iteration)
    # What is shipped is what is measured: the text, read again.
    booster = lightgbm.Booster(model_file=HERE / "model.txt")
    write_golden(booster, test)
    write_description(versions.pop(), booster)

    metrics = measure(test, booster.predict(test[INPUTS]))
    metrics["trees"] = booster.num_trees()
    metrics["lightgbm"] = lightgbm.__version__
    text = json.dumps(metrics, indent=2)
    (HERE / "metrics.json").write_text(text + "\n")
    print(text)
    gain = pandas.Series(booster.feature_importance("gain"), INPUTS).sort_values(ascending=False)
    print((gain / gain.sum()).round(4).head(20).to_string())


if __name__ == "__main__":
    main()
