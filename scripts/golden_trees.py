#!/usr/bin/env python3
"""Makes crates/trees/tests/golden: models of the reference libraries, and what these say of odd rows.

    python scripts/golden_trees.py [crates/trees/tests/golden]

    python scripts/golden_trees.py --week ../shared/data/golden

The second form (which needs pyarrow too) prints what tests/offline/trees.rs holds the whole test week against.

Needs numpy, lightgbm, xgboost and scikit-learn. Seeded: the same versions of these give the same files.

Each case is a model file and `<case>.rows`, which is text. Its first line is

    # <model file> features=<n> raw=<f32|f64> contributions=<yes|no>

and every other line is a row: the inputs, `;`, the raw score, `;`, the probability and, where the first
line says so, `;`, one contribution per input and the bias last. Numbers are separated by one space and
written so that they read back exactly; `nan` is a missing value. Raw scores, probabilities and
contributions are the library's own (`predict(raw_score=True)`, `predict(output_margin=True)`,
`pred_contrib`/`pred_contribs`); XGBoost's are 32-bit numbers. For an isolation forest the raw score is the
mean path length over its expectation, and the probability is `-score_samples`.

`stumps` has no model file: 2,000 trees of one split over 500 features follow from a formula (`stump` here
and in the test that reads the case), and so do its rows. Lines are raw score of LightGBM; of XGBoost.
"""

import json
import pathlib
import re
import sys

import lightgbm as lgb
import numpy as np
import xgboost as xgb
from sklearn.ensemble import IsolationForest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from export_isolation_forest import export  # noqa: E402

NAN = float("nan")
F32 = np.float32
# Values that formats, rounding and comparisons trip over.
ODD = [
    0.0, -0.0, 1e-36, -1e-36, float(F32(1e-35)), -float(F32(1e-35)), 1.1e-35, -1.1e-35, 5e-324, 1e-40,
    -0.5, -1.0, 0.5, 0.9999999, 1e9, -1e9, 2147483647.0, 2147483648.0, 16777215.0, 16777216.0, 1e18, 3.4e38,
]
INFINITE = [float("inf"), float("-inf"), 1e300]


def number(value):
    return repr(float(value)).removesuffix(".0") if value != 0 or np.signbit(value) == 0 else "-0.0"


def line(*groups):
    return " ; ".join(" ".join(number(value) for value in np.atleast_1d(group)) for group in groups)


class Golden:
    def __init__(self, folder):
        self.folder = folder
        self.rng = np.random.default_rng(20260101)

    def data(self, rows=400, features=6, categories=(), missing=0.1, decimals=2):
        """Inputs and the signal in them; features in `categories` are integers with gaps."""
        x = np.round(self.rng.normal(size=(rows, features)), decimals)
        for feature, count in categories:
            x[:, feature] = self.rng.integers(0, count, rows) * (3 if feature % 2 else 1)
        x[self.rng.random(x.shape) < missing] = NAN
        seen = np.nan_to_num(x)
        signal = seen[:, 0] - seen[:, -1] * (seen[:, features // 2] > 0)
        for feature, _ in categories:
            signal = signal + np.sin(seen[:, feature] * 1.7) * 2
        return x, signal + self.rng.normal(size=rows) * 0.3

    def odd_rows(self, x, thresholds, count, infinite=False):
        """Rows of `x` whose values are replaced by bounds, their neighbours, odd values and nothing."""
        x = x[self.rng.integers(0, len(x), count)].copy()
        pool = ODD + (INFINITE if infinite else [])
        for row in range(1, count):
            change = [0.1, 0.4, 0.9][row % 3]
            for feature in range(x.shape[1]):
                if self.rng.random() > change:
                    continue
                kind = self.rng.integers(0, 8)
                near = thresholds.get(feature)
                if kind <= 3 and near:
                    bound = float(near[self.rng.integers(0, len(near))])
                    single = F32(bound)
                    x[row, feature] = [
                        bound,
                        np.nextafter(bound, np.inf),
                        float(np.nextafter(single, F32(-3e38))),
                        (float(single) + float(np.nextafter(single, F32(3e38)))) / 2,
                    ][kind]
                elif kind == 4:
                    x[row, feature] = NAN
                elif kind == 5:
                    x[row, feature] = self.rng.integers(-2, 40) + [0.0, 0.5, -0.25][row % 3]
                else:
                    x[row, feature] = pool[self.rng.integers(0, len(pool))]
        x[0] = NAN
        return x if infinite else np.clip(x, -3.4e38, 3.4e38)

    def write(self, case, model_file, x, raw, probability, contributions=None, single=False):
        kind = "f32" if single else "f64"
        lines = [
            f"# {model_file} features={x.shape[1]} raw={kind} "
            f"contributions={'no' if contributions is None else 'yes'}"
        ]
        for row in range(len(x)):
            groups = [x[row], raw[row], probability[row]]
            if contributions is not None:
                groups.append(contributions[row])
            lines.append(line(*groups))
        (self.folder / f"{case}.rows").write_text("\n".join(lines) + "\n")

    # LightGBM

    def lightgbm(self, case, params, x, y, rounds=10, rows=40, contrib=True, edit=None, categorical=(), **options):
        params = {
            "verbose": -1, "num_threads": 1, "seed": 1, "deterministic": True, "num_leaves": 8,
            "min_data_in_leaf": 5, "max_cat_to_onehot": 3, "min_data_per_group": 5, "cat_smooth": 1,
            "objective": "binary", **params,
        }
        data = lgb.Dataset(x, y, categorical_feature=list(categorical), params=params, **options.pop("data", {}))
        booster = lgb.train(params, data, rounds, **options)
        text = booster.model_to_string()
        if edit:
            text = edit(text)
        # What only training needs.
        text = text[: text.index("\nparameters:")] + "\n" if "\nparameters:" in text else text
        text = re.sub(r"\nfeature_importances:\n(.|\n)*", "\n", text)
        # The sections' sizes let LightGBM read in parallel; without them it reads in order.
        text = re.sub(r"tree_sizes=.*\n", "", text)
        text = re.sub(r"(split_gain|leaf_weight|internal_weight)=.*\n", "", text) if not contrib else text
        (self.folder / f"{case}.txt").write_text(text)
        booster = lgb.Booster(model_str=text)
        thresholds = {}
        for features, bounds, kinds in zip(
            re.findall(r"^split_feature=(.*)$", text, re.M),
            re.findall(r"^threshold=(.*)$", text, re.M),
            re.findall(r"^decision_type=(.*)$", text, re.M),
        ):
            for feature, bound, kind in zip(features.split(), bounds.split(), kinds.split()):
                if int(kind) & 1 == 0:
                    thresholds.setdefault(int(feature), []).append(float(bound))
        x = self.odd_rows(x, thresholds, rows, infinite=True)
        self.write(
            case, f"{case}.txt", x,
            booster.predict(x, raw_score=True, num_threads=1), booster.predict(x, num_threads=1),
            booster.predict(x, pred_contrib=True, num_threads=1) if contrib else None,
        )

    def all_lightgbm(self):
        x, s = self.data()
        y = (s > 0).astype(float)
        self.lightgbm("lightgbm_numbers", {"num_leaves": 31}, x, y, rounds=8)
        cats = [(1, 40), (2, 5), (3, 12)]
        cx, cs = self.data(features=6, categories=cats, rows=600)
        cy = (cs > 0).astype(float)
        self.lightgbm("lightgbm_categories", {}, cx, cy, rounds=12, rows=60, categorical=[1, 2, 3])
        zx = np.where(self.rng.random(x.shape) < 0.3, 0.0, x)
        self.lightgbm("lightgbm_zero_missing", {"zero_as_missing": True}, zx, y)
        self.lightgbm("lightgbm_none_missing", {"use_missing": False}, x, y)
        self.lightgbm(
            "lightgbm_forest",
            {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6, "feature_fraction": 0.7}, x, y, rounds=7,
        )
        self.lightgbm("lightgbm_dart", {"boosting": "dart", "drop_rate": 0.5}, x, y, rounds=10)
        self.lightgbm("lightgbm_one_leaf", {"min_data_in_leaf": 10_000}, x, y, rounds=3, rows=4)
        self.lightgbm(
            "lightgbm_deep", {"num_leaves": 120, "min_data_in_leaf": 1, "learning_rate": 1.0}, x, s, rounds=1, rows=60
        )
        ax = x.copy()
        ax[:, 2] = NAN
        ax[: len(ax) // 2, 3] = NAN
        self.lightgbm("lightgbm_absent_column", {"max_bin": 7}, ax, y, rounds=5)
        for objective, label in [
            ("regression", s), ("regression_l1", s), ("cross_entropy", 1 / (1 + np.exp(-s))),
            ("cross_entropy_lambda", 1 / (1 + np.exp(-s))), ("poisson", np.abs(s)), ("tweedie", np.abs(s)),
            ("lambdarank", (s > 0).astype(int)),
        ]:
            options = {"data": {"group": [40] * 10}} if objective == "lambdarank" else {}
            self.lightgbm(
                f"lightgbm_{objective}", {"objective": objective}, x, label, rounds=3, rows=12, contrib=False, **options
            )
        self.lightgbm("lightgbm_sigmoid", {"sigmoid": 0.7}, x, y, rounds=3, rows=12, contrib=False)
        quiet = lgb.early_stopping(2, verbose=False)
        vx, vs = self.data(missing=0.0)
        self.lightgbm(
            "lightgbm_early", {"learning_rate": 0.9}, x, y, rounds=30, rows=12, contrib=False,
            valid_sets=[lgb.Dataset(vx, (vs > 0).astype(float))], callbacks=[quiet],
        )

        def odd_bounds(text):
            odd = iter(np.tile([1e-36, -1e-36, 0.0, -0.0, 1e-40, float(F32(1e-35)), -float(F32(1e-35)), np.inf, -np.inf, 1e300], 40))
            edit = lambda found: "threshold=" + " ".join(number(next(odd)) for _ in found.group(1).split())
            return re.sub(r"^threshold=(.*)$", edit, text, flags=re.M).replace("version=v4", "version=v3")

        for missing in ["none", "zero", "nan"]:
            params = {"none": {"use_missing": False}, "zero": {"zero_as_missing": True}, "nan": {}}[missing]
            self.lightgbm(f"lightgbm_odd_bounds_{missing}", params, x, y, rounds=5, rows=60, contrib=False, edit=odd_bounds)

    # XGBoost

    def xgboost(self, case, params, x, y, rounds=10, rows=40, contrib=True, types=None, edit=None, ubj=False, both=False, group=None, **options):
        params = {
            "objective": "binary:logistic", "max_depth": 4, "tree_method": "hist", "nthread": 1, "seed": 1,
            "base_score": 0.3, "eta": 0.3, **params,
        }
        data = xgb.DMatrix(x, y, feature_types=types, enable_categorical=types is not None)
        if group:
            data.set_group(group)
        booster = xgb.train(params, data, rounds, **options)
        model = json.loads(booster.save_raw("json"))
        if edit:
            edit(model)
        # What prediction does not read.
        for tree in trees_of(model):
            for name in ["base_weights", "loss_changes"]:
                tree[name] = [0.0] * len(tree[name])
        text = json.dumps(model, separators=(",", ":"))
        suffix = "ubj" if ubj else "json"
        booster = xgb.Booster(model_file=bytearray(text.encode()))
        if ubj:
            (self.folder / f"{case}.ubj").write_bytes(booster.save_raw("ubj"))
        else:
            (self.folder / f"{case}.json").write_text(text + "\n")
        if both:
            (self.folder / f"{case}.ubj").write_bytes(booster.save_raw("ubj"))
        thresholds = {}
        for tree in trees_of(model):
            for feature, bound, left, kind in zip(
                tree["split_indices"], tree["split_conditions"], tree["left_children"], tree["split_type"]
            ):
                if left >= 0 and kind == 0:
                    thresholds.setdefault(feature, []).append(bound)
        x = self.odd_rows(x, thresholds, rows)
        stop = booster.attr("best_iteration")
        kept = (0, int(stop) + 1) if stop else (0, 0)
        data = xgb.DMatrix(x, feature_types=types, enable_categorical=types is not None)
        say = lambda **asked: booster.predict(data, iteration_range=kept, **asked)
        raw, probability = say(output_margin=True), say()
        contributions = say(pred_contribs=True) if contrib else None
        if params.get("booster") != "dart":
            # A matrix refuses infinities; predicting in place takes them.
            more = self.odd_rows(x, thresholds, 10, infinite=True)
            place = lambda kind, x: booster.inplace_predict(x, iteration_range=kept, predict_type=kind, missing=NAN)
            assert (place("margin", x) == raw).all()
            x = np.vstack([x, more])
            raw = np.append(raw, place("margin", more))
            probability = np.append(probability, place("value", more))
            if contrib:
                contributions = None
                self.contributions(case + "_contributions", f"{case}.{suffix}", x[:rows], raw, probability, say)
        self.write(case, f"{case}.{suffix}", x, raw, probability, contributions, single=True)

    def contributions(self, case, file, x, raw, probability, say):
        self.write(case, file, x, raw, probability, say(pred_contribs=True), single=True)

    def all_xgboost(self):
        x, s = self.data()
        y = (s > 0).astype(float)
        self.xgboost("xgboost_numbers", {"tree_method": "exact", "max_depth": 5}, x, y, rounds=6, both=True)
        cx, cs = self.data(features=6, categories=[(1, 40), (2, 5), (3, 12)], rows=600)
        cy = (cs > 0).astype(float)
        types = ["q", "c", "c", "c", "q", "q"]
        self.xgboost("xgboost_categories", {"max_cat_to_onehot": 6}, cx, cy, types=types, rows=60)
        self.xgboost("xgboost_categories_dart", {"booster": "dart", "rate_drop": 0.3}, cx, cy, types=types, ubj=True)
        dart = {"booster": "dart", "rate_drop": 0.5, "one_drop": 1, "objective": "reg:squarederror", "base_score": 1.7}
        self.xgboost("xgboost_dart", dart, x, s, rounds=12)
        self.xgboost("xgboost_forest", {"num_parallel_tree": 5, "subsample": 0.5, "colsample_bynode": 0.5}, x, y, rounds=2, ubj=True)
        vx, vs = self.data(missing=0.0)
        evals = [(xgb.DMatrix(vx, (vs > 0).astype(float)), "held")]
        self.xgboost(
            "xgboost_early", {"eta": 0.9, "num_parallel_tree": 2, "subsample": 0.8}, x, y, rounds=30,
            evals=evals, early_stopping_rounds=3, verbose_eval=False,
        )
        self.xgboost("xgboost_one_leaf", {"gamma": 1e9}, x, y, rounds=3, rows=4)
        self.xgboost("xgboost_deep", {"max_depth": 30, "min_child_weight": 0, "lambda": 0, "objective": "reg:squarederror"}, x, s, rounds=1, rows=60)
        ax = x.copy()
        ax[:, 2] = NAN
        ax[: len(ax) // 2, 3] = NAN
        self.xgboost("xgboost_absent_column", {"base_score": None}, ax, y, rounds=5, ubj=True)
        for objective, label in [
            ("binary:logitraw", y), ("binary:hinge", y), ("reg:logistic", y), ("reg:squarederror", s),
            ("reg:squaredlogerror", np.abs(s)), ("reg:pseudohubererror", s), ("reg:absoluteerror", s),
            ("reg:quantileerror", s), ("reg:gamma", np.abs(s) + 0.1), ("reg:tweedie", np.abs(s)),
            ("count:poisson", np.abs(s)), ("rank:pairwise", y), ("rank:ndcg", y), ("rank:map", y),
        ]:
            params = {"objective": objective, "base_score": 0.7, "max_depth": 3}
            if objective == "reg:quantileerror":
                params["quantile_alpha"] = 0.3
            group = [40] * 10 if objective.startswith("rank") else None
            case = "xgboost_" + objective.replace(":", "_")
            self.xgboost(case, params, x, label, rounds=3, rows=8, contrib=False, group=group, ubj=True)

        def scalar_base(model):
            # As written before 3.1, without what came with it.
            parameters = model["learner"]["learner_model_param"]
            parameters["base_score"] = parameters["base_score"].strip("[]")
            model["version"] = [2, 1, 4]
            model["learner"]["gradient_booster"]["model"].pop("cats", None)

        self.xgboost("xgboost_scalar_base", {"base_score": 0.0089}, x, y, rounds=3, rows=8, contrib=False, edit=scalar_base)

        def odd_bounds(model):
            odd = iter(np.tile([0.0, -0.0, 1e-40, -1e-45, 1e-35, np.inf, -np.inf, 3.4028235e38, -3.4028235e38], 40))
            for tree in trees_of(model):
                for node, left in enumerate(tree["left_children"]):
                    if left >= 0:
                        tree["split_conditions"][node] = float(F32(next(odd)))

        self.xgboost("xgboost_odd_bounds", {}, x, y, rounds=4, rows=60, contrib=False, edit=odd_bounds)

    # scikit-learn

    def all_isolation_forests(self):
        for case, missing, options in [
            ("isolation_forest", 0.0, {"n_estimators": 12, "max_samples": 64}),
            ("isolation_forest_some_features", 0.05, {"n_estimators": 6, "max_samples": 100, "max_features": 3}),
        ]:
            x, _ = self.data(missing=missing)
            forest = IsolationForest(random_state=1, **options).fit(x)
            (self.folder / f"{case}.json").write_text(json.dumps(export(forest), separators=(",", ":")) + "\n")
            thresholds = {}
            for tree, features in zip(forest.estimators_, forest.estimators_features_):
                for feature, bound in zip(tree.tree_.feature, tree.tree_.threshold):
                    if feature >= 0:
                        thresholds.setdefault(int(features[feature]), []).append(bound)
            rows = self.odd_rows(x, thresholds, 40)
            # Trees that saw no missing value send one where a comparison with it does: scikit-learn
            # checks nothing then, nor do we.
            score = -forest.score_samples(rows)
            self.write(case, f"{case}.json", rows, -np.log2(score), score)

    # 2,000 trees, 500 features

    def stumps(self):
        trees = [stump(i) for i in range(2000)]
        text = ["tree", "version=v4", "num_class=1", "num_tree_per_iteration=1", "label_index=0",
                "max_feature_idx=499", "objective=binary sigmoid:1",
                "feature_names=" + " ".join(f"f{i}" for i in range(500)),
                "feature_infos=" + " ".join(["[-1:1]"] * 500), ""]
        for i, (feature, bound, left, right) in enumerate(trees):
            text += [f"Tree={i}", "num_leaves=2", "num_cat=0", f"split_feature={feature}", "split_gain=1",
                     f"threshold={number(bound)}", f"decision_type={10 if i % 2 else 8}", "left_child=-1", "right_child=-2",
                     f"leaf_value={number(left)} {number(right)}", "leaf_weight=1 1", "leaf_count=1 1",
                     "internal_value=0", "internal_weight=2", "internal_count=2", "is_linear=0", "shrinkage=1", "", ""]
        text += ["end of trees", ""]
        ours = lgb.Booster(model_str="\n".join(text))
        names = ["left_children", "right_children", "default_left", "split_type"]
        model = {"learner": {
            "attributes": {}, "feature_names": [], "feature_types": [],
            "gradient_booster": {"name": "gbtree", "model": {
                "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": "2000"},
                "iteration_indptr": list(range(2001)), "tree_info": [0] * 2000, "trees": [
                    dict(zip(names, [[1, -1, -1], [2, -1, -1], [i % 2, 0, 0], [0] * 3]),
                         split_indices=[feature, 0, 0], split_conditions=[bound, left, right], id=i,
                         parents=[2147483647, 0, 0], sum_hessian=[2.0, 1.0, 1.0], base_weights=[0.0] * 3, loss_changes=[0.0] * 3,
                         categories=[], categories_nodes=[], categories_segments=[], categories_sizes=[],
                         tree_param={"num_deleted": "0", "num_feature": "500", "num_nodes": "3", "size_leaf_vector": "1"})
                    for i, (feature, bound, left, right) in enumerate(trees)]}},
            "learner_model_param": {"base_score": "[5E-1]", "boost_from_average": "1", "num_class": "0",
                                    "num_feature": "500", "num_target": "1"},
            "objective": {"name": "binary:logistic", "reg_loss_param": {"scale_pos_weight": "1"}}},
            "version": [3, 2, 0]}
        theirs = xgb.Booster(model_file=bytearray(json.dumps(model).encode()))
        x = np.array([[stump_value(row, feature) for feature in range(500)] for row in range(64)])
        one = ours.predict(x, raw_score=True, num_threads=1)
        two = theirs.predict(xgb.DMatrix(x), output_margin=True)
        (self.folder / "stumps.rows").write_text("".join(line(a, b) + "\n" for a, b in zip(one, two)))


def stump(i):
    """Feature, bound, left and right leaf of tree `i`."""
    return (
        i * 7919 % 500,
        (i * 104729 % 2001 - 1000) / 8,
        (i * i * 31 % 1999 - 999) / 1000,
        (i * 37 % 997 - 498) / 700,
    )


def stump_value(row, feature):
    """A value on the grid that bounds lie on; one in 13 is missing."""
    mixed = row * 6151 + feature * 3571
    return NAN if mixed % 13 == 0 else (mixed * 17 % 2001 - 1000) / 8


def trees_of(model):
    booster = model["learner"]["gradient_booster"]
    return booster.get("gbtree", booster)["model"]["trees"]


def digest(raw):
    """FNV-1a over the bits of doubles, a word at a time, as in tests/offline/trees.rs."""
    state = 0xCBF29CE484222325
    for bits in raw.astype(np.float64).view(np.uint64).tolist():
        state = (state ^ bits) * 0x100000001B3 % 2**64
    return f"{state:#018x}"


def week(folder):
    """Prints the digests of raw scores of the models and rows that are kept beside the project."""
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(folder / "test_week_features_scores.parquet")
    ours = lgb.Booster(model_file=str(folder / "lgbm_100_0.1_3.txt"))
    theirs = xgb.Booster(model_file=str(folder / "xgb_exact_100_0.1_3.json"))
    x = np.column_stack([table[name].to_numpy().astype(float) for name in ours.feature_name()])
    data = xgb.DMatrix(x, feature_names=theirs.feature_names, feature_types=theirs.feature_types)
    print("LightGBM", digest(ours.predict(x, raw_score=True)))
    print("XGBoost", digest(theirs.predict(data, output_margin=True)))


def main():
    if sys.argv[1:2] == ["--week"]:
        return week(pathlib.Path(sys.argv[2]))
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "crates/trees/tests/golden")
    folder.mkdir(parents=True, exist_ok=True)
    golden = Golden(folder)
    golden.all_lightgbm()
    golden.all_xgboost()
    golden.all_isolation_forests()
    golden.stumps()


if __name__ == "__main__":
    main()
