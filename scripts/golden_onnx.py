#!/usr/bin/env python3
"""Makes crates/onnx/tests/models: small ONNX models, and what ONNX Runtime's own Python binding says of odd rows.

    python scripts/golden_onnx.py [crates/onnx/tests/models]

Needs numpy, scikit-learn, lightgbm, onnx, skl2onnx, onnxmltools and onnxruntime. Seeded: the same versions of these give the same files.

Each model that loads is a directory as `models verify` takes it: model.toml, model.onnx and golden.json.

- `logistic`: imputer, scaler and logistic regression by skl2onnx; one tensor of 32-bit floats
- `boosting`: LightGBM by onnxmltools; one tensor, missing values go the way that LightGBM learnt
- `columns`: a regression with one tensor of 64-bit floats per input, which takes no missing values
- `margin`: a perceptron whose only output is log-odds
- `single`: the perceptron for a batch of one row

Beside `models`, `refused` holds graphs that are refused: `zipmap.onnx` (the regression with a map of classes as output),
`text.onnx` (an input of text), `batch.onnx` (batches of 4 rows alone), `classes.onnx` (three columns).
"""

import json
import pathlib
import sys

import lightgbm as lgb
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType as ToolsFloat
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

INPUTS = ["amount", "hour", "count_1h", "count_24h", "ratio"]
TOLERANCE = 1e-6
# Interface of graphs and version of their file that runtimes of some years know.
OPSET, IR = 17, 8


def training(rng):
    x = rng.normal(size=(400, len(INPUTS))) * [50, 6, 3, 20, 1]
    y = x[:, 0] / 50 + x[:, 2] * x[:, 4] / 3 + rng.normal(size=len(x)) / 2 > 0.4
    return x, y.astype(int)


def odd_rows(rng):
    """Rows like those of training, with gaps, and far from them."""
    rows = rng.normal(size=(12, len(INPUTS))) * [50, 6, 3, 20, 1]
    rows[rng.random(rows.shape) < 0.2] = np.nan
    rows[0] = 0.0
    rows[1] = np.nan
    rows[2] = [1e6, -1e6, 1e6, -1e6, 0.1]
    # Numbers that 32 bits hold, so that both widths are given the same.
    return rows.astype(np.float32).astype(float)


def perceptron(rng, batch):
    """Two layers; `batch` is a number of rows, or a name for any."""
    n, hidden = len(INPUTS), 7
    weights = {
        "w1": rng.normal(size=(n, hidden)) / 5,
        "b1": rng.normal(size=hidden),
        "w2": rng.normal(size=(hidden, 1)),
        "b2": rng.normal(size=1),
    }
    nodes = [
        helper.make_node("IsNaN", ["rows"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "rows"], ["known"]),
        helper.make_node("Gemm", ["known", "w1", "b1"], ["h"]),
        helper.make_node("Tanh", ["h"], ["t"]),
        helper.make_node("Gemm", ["t", "w2", "b2"], ["margin"]),
    ]
    constants = [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()]
    constants.append(numpy_helper.from_array(np.float32(0), "zero"))
    return graph(nodes, [value("rows", [batch, n])], [value("margin", [batch, 1])], constants)


def value(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def graph(nodes, inputs, outputs, constants=()):
    made = helper.make_graph(nodes, "g", inputs, outputs, list(constants))
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(made, opset_imports=opset, ir_version=IR, producer_name="")
    onnx.checker.check_model(model)
    return model


def named(model):
    """The model with a name of its graph that is not drawn anew every time."""
    model.graph.name = "g"
    return model


def refused_graphs(directory, zipmap):
    directory.mkdir(parents=True, exist_ok=True)
    write = lambda name, model: (directory / name).write_bytes(model.SerializeToString())
    write("zipmap.onnx", named(zipmap))
    n = len(INPUTS)
    softmax = [helper.make_node("Softmax", ["rows"], ["classes"])]
    write("classes.onnx", graph(softmax, [value("rows", ["n", n])], [value("classes", ["n", n])]))
    write("batch.onnx", graph(softmax, [value("rows", [4, n])], [value("classes", [4, n])]))
    same = [helper.make_node("Identity", ["rows"], ["text"])]
    text = [value(name, ["n", n], TensorProto.STRING) for name in ("rows", "text")]
    write("text.onnx", graph(same, text[:1], text[1:]))


def model_directory(root, name, model, rows, score, output):
    """Writes a model; `score` makes raw score and probability of what a row's outputs are."""
    directory = root / name
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "model.onnx").write_bytes(model.SerializeToString())
    quoted = ", ".join(f'"{i}"' for i in INPUTS)
    (directory / "model.toml").write_text(
        f'name = "{name}"\nversion = "1"\nkind = "onnx"\nartefact = "model.onnx"\n'
        f'inputs = [{quoted}]\ngolden = "golden.json"\n{output}'
    )
    session = onnxruntime.InferenceSession(model.SerializeToString())
    lines = []
    for row in rows:
        raw, probability = score(session.run(None, feed(session, row)))
        inputs = [None if np.isnan(v) else float(v) for v in row]
        lines.append(json.dumps({"inputs": inputs, "raw": raw, "probability": probability}))
    text = '{"tolerance": %r, "rows": [\n%s\n]}\n' % (TOLERANCE, ",\n".join(lines))
    (directory / "golden.json").write_text(text)


def feed(session, row):
    kinds = {"tensor(float)": np.float32, "tensor(double)": np.float64}
    inputs = session.get_inputs()
    if len(inputs) == 1:
        return {inputs[0].name: row[None, :].astype(kinds[inputs[0].type])}
    return {i.name: np.array([[row[INPUTS.index(i.name)]]], kinds[i.type]) for i in inputs}


def of_probability(outputs):
    p = float(outputs[1][0, 1])
    with np.errstate(divide="ignore"):
        return float(np.clip(np.log(p) - np.log1p(-p), -40, 40)), p


def of_margin(outputs):
    raw = float(outputs[0][0, 0])
    return raw, float(1 / (1 + np.exp(-raw)))


def main(root):
    rng = np.random.default_rng(11)
    x, y = training(rng)
    gaps = np.where(rng.random(x.shape) < 0.1, np.nan, x)
    rows = odd_rows(rng)
    one = lambda kind: [("rows", kind([None, len(INPUTS)]))]
    flat = {"zipmap": False}

    regression = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()).fit(gaps, y)
    made = lambda options: to_onnx(
        regression, initial_types=one(FloatTensorType), options=options, target_opset=OPSET
    )
    model_directory(root, "logistic", made(flat), rows, of_probability, "")
    refused_graphs(root.parent / "refused", made({"zipmap": True}))

    trees = lgb.LGBMClassifier(n_estimators=8, num_leaves=6, verbose=-1, n_jobs=1).fit(gaps, y)
    trees = convert_lightgbm(trees, initial_types=one(ToolsFloat), zipmap=False, target_opset=15)
    model_directory(root, "boosting", named(trees), rows, of_probability, "")

    joined = ColumnTransformer([("all", "passthrough", list(range(len(INPUTS))))])
    columns = make_pipeline(joined, StandardScaler(), LogisticRegression()).fit(x, y)
    each = [(name, DoubleTensorType([None, 1])) for name in INPUTS]
    columns = to_onnx(columns, initial_types=each, options=flat, target_opset=OPSET)
    output = '\n[output]\nname = "probabilities"\ncolumn = 1\n'
    model_directory(root, "columns", columns, np.nan_to_num(rows), of_probability, output)

    output = '\n[output]\nname = "margin"\nis = "log_odds"\n'
    seeded = lambda: np.random.default_rng(12)
    model_directory(root, "margin", perceptron(seeded(), "n"), rows, of_margin, output)
    model_directory(root, "single", perceptron(seeded(), 1), rows, of_margin, output)


if __name__ == "__main__":
    here = pathlib.Path(__file__).parent.parent / "crates/onnx/tests/models"
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here)
