"""Raw scores of tree models, as other libraries compute them: what `benches/trees.rs` measures.

Needs numpy, lightgbm and xgboost. Trains models of the bench's sizes on synthetic data of 40 features, writes them with
rows to score into `target/trees/` (seeded, so the same each time), measures the libraries on one thread and writes the
results beside them, where the bench finds all of it. Prints CPU time per row in microseconds, the best of several runs.

    python benches/peers/trees.py
"""

import os
import pathlib
import time

os.environ["OMP_NUM_THREADS"] = "1"

import lightgbm  # noqa: E402
import numpy as np  # noqa: E402
import xgboost  # noqa: E402

FEATURES = 40
CATEGORICAL = [0, 7, 14, 21]
CATEGORIES = 40
ROWS_TRAINED = 30_000
ROWS = 4096
RUNS = 15
FOLDER = pathlib.Path(__file__).parents[2] / "target" / "trees"


def data(categorical):
    random = np.random.default_rng(42)
    count = ROWS_TRAINED + ROWS
    x = random.normal(size=(count, FEATURES))
    # Amounts, counts and missing values among the features, as records have them.
    x[:, 10:16] = np.exp(x[:, 10:16])
    x[:, 16:22] = random.poisson(3, size=(count, 6))
    log_odds = x @ random.normal(size=FEATURES) / 4 + np.sin(3 * x[:, 0]) * x[:, 1] + x[:, 2] * x[:, 3]
    if categorical:
        for feature in CATEGORICAL:
            x[:, feature] = random.integers(0, CATEGORIES, size=count)
            log_odds += random.normal(size=CATEGORIES)[x[:, feature].astype(int)]
    y = (random.random(count) < 1 / (1 + np.exp(-log_odds))).astype(int)
    x[:, 22:26][random.random((count, 4)) < 0.2] = np.nan
    return x[:ROWS_TRAINED], y[:ROWS_TRAINED], x[ROWS_TRAINED:]


def best(predict, rows, batch):
    """CPU time per row in microseconds; a run takes many batches, but no more than a tenth of a second."""
    batches = [rows[first : first + batch] for first in range(0, ROWS, batch)]
    if batch == 1:
        batches = batches[:256]
    predict(batches[0])
    runs = []
    for _ in range(RUNS):
        begin = time.thread_time_ns()
        for rows in batches:
            predict(rows)
        runs.append((time.thread_time_ns() - begin) / len(batches) / batch / 1000)
    return min(runs)


def train_lightgbm(trees, leaves, x, y, categorical):
    settings = {"objective": "binary", "num_leaves": leaves, "num_threads": 1, "verbose": -1, "seed": 1}
    train = lightgbm.Dataset(x, y, categorical_feature=CATEGORICAL if categorical else [])
    model = lightgbm.train(settings, train, trees)
    return model, lambda rows: model.predict(rows, raw_score=True, num_threads=1)


def train_xgboost(trees, depth, x, y):
    settings = {"objective": "binary:logistic", "max_depth": depth, "nthread": 1, "seed": 1, "min_child_weight": 0}
    settings["eta"] = 0.02  # Trees would not grow once everything is learnt.
    model = xgboost.train(settings, xgboost.DMatrix(x, y, nthread=1), trees)
    return model, lambda rows: model.inplace_predict(rows, predict_type="margin")


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    results = []
    for name, library, trees, size, categorical in (
        ("lightgbm-100x31", "LightGBM", 100, 31, False),
        ("lightgbm-100x31-categories", "LightGBM", 100, 31, True),
        ("lightgbm-500x63", "LightGBM", 500, 63, False),
        ("xgboost-500-depth8", "XGBoost", 500, 8, False),
    ):
        x, y, rows = data(categorical)
        if library == "LightGBM":
            model, predict = train_lightgbm(trees, size, x, y, categorical)
            model.save_model(FOLDER / f"{name}.txt")
        else:
            model, predict = train_xgboost(trees, size, x, y)
            model.save_model(FOLDER / f"{name}.json")
        rows.T.astype("<f8").tofile(FOLDER / f"{name}.columns")
        np.asarray(predict(rows), "<f8").tofile(FOLDER / f"{name}.scores")
        for batch in (1, 256):
            taken = best(predict, rows, batch)
            print(f"{library} {name}, batch {batch}: {taken:.2f} us per row", flush=True)
            results.append(f"{name} {batch} {taken:.3f}\n")
    (FOLDER / "peers.txt").write_text("".join(results))


if __name__ == "__main__":
    main()
