"""Contributions of features to raw scores, as other libraries compute them: what `benches/explain.rs` measures.

Needs numpy, lightgbm, xgboost and fasttreeshap; a library that is not there is left out. Prints CPU time per row in
microseconds, the median of several runs, on one thread.

    python benches/peers/explain.py [library ...]
"""

import os
import statistics
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402

FEATURES = 40
ROWS_TRAINED = 20_000
ROWS = 256
RUNS = 5


def data():
    random = np.random.default_rng(42)
    x = random.normal(size=(ROWS_TRAINED, FEATURES))
    weights = random.normal(size=FEATURES)
    log_odds = x @ weights / 4 + np.sin(3 * x[:, 0]) * x[:, 1] + x[:, 2] * x[:, 3]
    return x, (random.random(ROWS_TRAINED) < 1 / (1 + np.exp(-log_odds))).astype(int)


def report(name, size, explain, x):
    """`explain` takes rows and returns their contributions."""
    for batch in (ROWS, 1):
        # At least this many rows, so that a run takes much longer than the clock's step.
        rows = ROWS if batch > 1 else 30
        explain(x[:batch])
        runs = []
        for _ in range(RUNS):
            begin = time.thread_time_ns()
            for first in range(0, rows, batch):
                explain(x[first : first + batch])
            runs.append((time.thread_time_ns() - begin) / rows / 1000)
        print(f"{name} {size}, batch {batch}: {statistics.median(runs):.1f} us per row", flush=True)


def lightgbm(trees, leaves, x, y):
    import lightgbm

    settings = {"objective": "binary", "num_leaves": leaves, "num_threads": 1, "verbose": -1}
    model = lightgbm.train(settings, lightgbm.Dataset(x, y), trees)
    return lambda rows: model.predict(rows, pred_contrib=True, num_threads=1)


def fasttreeshap(trees, leaves, x, y):
    import fasttreeshap
    import lightgbm

    settings = {"objective": "binary", "num_leaves": leaves, "num_threads": 1, "verbose": -1}
    model = lightgbm.train(settings, lightgbm.Dataset(x, y), trees)
    explainer = fasttreeshap.TreeExplainer(model, algorithm="v2", n_jobs=1)
    return lambda rows: explainer.shap_values(rows, check_additivity=False)


def xgboost(trees, leaves, x, y):
    import xgboost

    settings = {
        "objective": "binary:logistic",
        "grow_policy": "lossguide",
        "max_leaves": leaves,
        "max_depth": 0,
        "nthread": 1,
    }
    model = xgboost.train(settings, xgboost.DMatrix(x, y, nthread=1), trees)
    return lambda rows: model.predict(xgboost.DMatrix(rows, nthread=1), pred_contribs=True)


def main():
    x, y = data()
    libraries = {"lightgbm": lightgbm, "fasttreeshap": fasttreeshap, "xgboost": xgboost}
    for name in sys.argv[1:] or libraries:
        for trees, leaves in ((100, 31), (500, 63)):
            try:
                explain = libraries[name](trees, leaves, x, y)
                report(name, f"{trees}x{leaves}", explain, x)
            except Exception as error:  # noqa: BLE001 - a library that fails is not measured
                print(f"{name} {trees}x{leaves}: not measured: {error!r}")


if __name__ == "__main__":
    main()
