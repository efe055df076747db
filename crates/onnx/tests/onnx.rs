//! Graphs of tests/models and tests/refused, which scripts/golden_onnx.py makes, on a real runtime:
//! the one that `ORT_DYLIB_PATH` names, of the Python package `onnxruntime`, or of the system.
//! Without any, tests say that they were skipped.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of a test fails as the test does"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, Float64Array};
use serde_json::Value;
use tillwatch_onnx::Factory;
use tillwatch_scoring::{Effort, LoadedModel, ModelFiles, ModelKinds, Runner, ScoringError};

const MODELS: [&str; 5] = ["logistic", "boosting", "columns", "margin", "single"];

const INPUTS: &str = "inputs = [\"amount\", \"hour\", \"count_1h\", \"count_24h\", \"ratio\"]";

/// Where the Python package keeps the runtime's library.
const FIND_LIBRARY: &str = "import glob, importlib.util, os
found = importlib.util.find_spec('onnxruntime')
where = os.path.join(os.path.dirname(found.origin), 'capi') if found else ''
print(next(iter(glob.glob(os.path.join(where, 'libonnxruntime*.so.*'))
                + glob.glob(os.path.join(where, 'libonnxruntime*.dylib'))), ''))";

/// The runtime of this process.
fn factory() -> Option<Factory> {
    static FOUND: OnceLock<Option<Factory>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let factory = if std::env::var_os("ORT_DYLIB_PATH").is_some() {
            Factory::new()
        } else {
            python_library().map_or_else(Factory::new, Factory::with_library)
        };
        // An empty artefact is refused by a runtime, if there is one.
        let error = load_with(factory.clone(), toml("empty", ""), Vec::new()).unwrap_err();
        if error.to_string().contains("needs ONNX Runtime") {
            assert!(
                std::env::var_os("ORT_DYLIB_PATH").is_none(),
                "ORT_DYLIB_PATH: {error}"
            );
            return None;
        }
        Some(factory)
    });
    if found.is_none() {
        eprintln!("skipped: no ONNX Runtime here (pip install onnxruntime)");
    }
    found.clone()
}

fn python_library() -> Option<PathBuf> {
    let output = Command::new("python3")
        .args(["-c", FIND_LIBRARY])
        .output()
        .ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    (!path.trim().is_empty()).then(|| PathBuf::from(path.trim()))
}

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn toml(name: &str, more: &str) -> String {
    format!(
        "name = \"{name}\"\nversion = \"1\"\nkind = \"onnx\"\nartefact = \"model.onnx\"\n{INPUTS}\n{more}"
    )
}

fn load_with(
    factory: Factory,
    description: String,
    artefact: Vec<u8>,
) -> Result<Arc<LoadedModel>, ScoringError> {
    let files = BTreeMap::from([("model.onnx".to_owned(), artefact)]);
    load_files(factory, description, files)
}

fn load_files(
    factory: Factory,
    description: String,
    files: BTreeMap<String, Vec<u8>>,
) -> Result<Arc<LoadedModel>, ScoringError> {
    let mut kinds = ModelKinds::empty();
    kinds.register(factory);
    let files = ModelFiles {
        description,
        files,
        members: BTreeMap::new(),
    };
    kinds.load_for_table(&files).map(|(model, _)| model)
}

fn artefact(path: &str) -> Vec<u8> {
    std::fs::read(tests().join(path)).unwrap()
}

/// A directory of tests/models, with its golden vectors.
fn open(factory: Factory, name: &str) -> Arc<LoadedModel> {
    let directory = tests().join("models").join(name);
    let read = |file: &str| std::fs::read(directory.join(file)).unwrap();
    let files = ["model.onnx", "golden.json"].map(|file| (file.to_owned(), read(file)));
    let description = String::from_utf8(read("model.toml")).unwrap();
    load_files(factory, description, files.into()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Raw scores and probabilities of rows that are made of `column(input, row)`.
fn score(
    model: &Arc<LoadedModel>,
    rows: std::ops::Range<usize>,
    column: impl Fn(usize, usize) -> Option<f64>,
) -> (Vec<f64>, Vec<f64>) {
    let inputs = &model.info().inputs;
    let scope = tillwatch_scoring::InputScope::of_table(inputs.iter().cloned());
    let mut runner = Runner::new(model, &scope);
    let count = rows.len();
    runner.bind(count, |asked| {
        let input = inputs.iter().position(|input| input == asked.name())?;
        let values: Float64Array = rows.clone().map(|row| column(input, row)).collect();
        Some(Arc::new(values) as ArrayRef)
    });
    runner.score(Effort::Full, f64::INFINITY, &mut Vec::new());
    (runner.raw().to_vec(), runner.probability().to_vec())
}

/// A number of no pattern, missing now and then.
fn noise(input: usize, row: usize) -> Option<f64> {
    let mixed = (row as u64 * 5 + input as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let unit = (mixed >> 11) as f64 / (1_u64 << 53) as f64;
    (!mixed.is_multiple_of(11)).then_some((unit - 0.5) * [200.0, 24.0, 12.0, 80.0, 4.0][input])
}

#[test]
fn golden_vectors_of_the_python_binding_are_met() {
    let Some(factory) = factory() else { return };
    for name in MODELS {
        open(factory.clone(), name);
    }
}

#[test]
fn a_wrong_golden_vector_refuses_the_model() {
    let Some(factory) = factory() else { return };
    let mut golden: Value = serde_json::from_slice(&artefact("models/margin/golden.json")).unwrap();
    golden["rows"][3]["raw"] = Value::from(0.25);
    let files = BTreeMap::from([
        (
            "model.onnx".to_owned(),
            artefact("models/margin/model.onnx"),
        ),
        ("golden.json".to_owned(), golden.to_string().into_bytes()),
    ]);
    let more = "golden = \"golden.json\"\n[output]\nname = \"margin\"\nis = \"log_odds\"";
    let error = load_files(factory, toml("margin", more), files).unwrap_err();
    assert!(
        matches!(error, ScoringError::Golden { row: 4, .. }),
        "{error}"
    );
}

#[test]
fn scores_do_not_depend_on_the_size_of_batches() {
    let Some(factory) = factory() else { return };
    for name in MODELS {
        let model = open(factory.clone(), name);
        // More than a run takes, and one row more.
        let rows = 1025;
        let whole = score(&model, 0..rows, noise);
        assert!(whole.1.iter().any(|p| *p > 0.5) && whole.1.iter().any(|p| *p < 0.5));
        for size in [1, 2, 3, 7, 64, 256] {
            for start in (0..rows).step_by(size).take(90) {
                let part = score(&model, start..rows.min(start + size), noise);
                let pairs = [(&whole.0, part.0), (&whole.1, part.1)];
                for (position, (whole, part)) in pairs
                    .iter()
                    .flat_map(|(w, p)| w[start..].iter().zip(p))
                    .enumerate()
                {
                    let is_same =
                        whole.to_bits() == part.to_bits() || whole.is_nan() && part.is_nan();
                    assert!(
                        is_same,
                        "{name}, {size} from {start}, {position}: {whole} {part}"
                    );
                }
            }
        }
    }
}

#[test]
fn lanes_share_a_model() {
    let Some(factory) = factory() else { return };
    for name in ["boosting", "margin"] {
        let model = open(factory.clone(), name);
        let alone = score(&model, 0..300, noise);
        std::thread::scope(|threads| {
            for _ in 0..6 {
                threads.spawn(|| {
                    for _ in 0..20 {
                        assert_eq!(score(&model, 0..300, noise), alone);
                    }
                });
            }
        });
    }
}

#[test]
fn a_row_that_the_graph_makes_nan_of_has_no_opinion() {
    let Some(factory) = factory() else { return };
    let model = open(factory, "columns");
    let (raw, probability) = score(&model, 0..3, |input, row| {
        (row != 1 || input != 2).then_some(1.0)
    });
    assert!(raw[1].is_nan() && probability[1].is_nan());
    assert!(probability[0] == probability[2] && (0.0..=1.0).contains(&probability[0]));
}

#[test]
fn a_certain_row_has_a_finite_raw_score() {
    let Some(factory) = factory() else { return };
    let model = open(factory, "logistic");
    let (raw, probability) = score(&model, 0..2, |_, row| Some([1e9, -1e9][row]));
    for (raw, probability) in raw.iter().zip(&probability) {
        assert!([0.0, 1.0].contains(probability), "{probability}");
        assert_eq!(*raw, (*probability * 2.0 - 1.0) * tillwatch_onnx::RAW_MAX);
    }
}

#[test]
fn what_cannot_be_scored_is_refused_by_name() {
    let Some(factory) = factory() else { return };
    let refused = |path: &str, description: String| {
        let error = load_with(factory.clone(), description, artefact(path)).unwrap_err();
        error.to_string()
    };
    let check = |path: &str, more: &str, wanted: &str| {
        let error = refused(path, toml("m", more));
        assert!(error.contains(wanted), "{path}: {error}");
    };
    check("refused/zipmap.onnx", "", "zipmap=False");
    check("refused/text.onnx", "", "input `rows` is of String");
    check("refused/batch.onnx", "", "takes batches of 4 rows alone");
    check(
        "refused/classes.onnx",
        "",
        "has 5 columns; say in [output] column",
    );
    let column = "[output]\nname = \"classes\"\ncolumn = 5";
    check("refused/classes.onnx", column, "[output] column says 5");
    let unknown = "[output]\nname = \"probabilites\"";
    check(
        "models/logistic/model.onnx",
        unknown,
        "did you mean `probabilities`",
    );
    let label = "[output]\nname = \"label\"";
    check(
        "models/logistic/model.onnx",
        label,
        "output `label` is of Int64",
    );
    let fewer = toml("m", "").replace(", \"ratio\"", "");
    let error = refused("models/logistic/model.onnx", fewer.clone());
    assert!(
        error.contains("has 5 columns, model.toml names 4 inputs"),
        "{error}"
    );
    let error = refused("models/columns/model.onnx", fewer);
    assert!(
        error.contains("the graph reads `ratio`, which is no input"),
        "{error}"
    );
    let more = toml("m", "").replace("\"ratio\"", "\"ratio\", \"more\"");
    let error = refused("models/columns/model.onnx", more);
    assert!(error.contains("does not read `more`"), "{error}");
    let reasons =
        "[[reasons]]\nfeature = \"hour\"\ncode = \"C\"\nseverity = \"warning\"\nwords = \"w\"";
    check(
        "models/logistic/model.onnx",
        reasons,
        "no reasons: take [[reasons]] out",
    );
    // The perceptron's margin is no probability for every row.
    check("models/margin/model.onnx", "", "is = \"log_odds\"");
}

#[test]
fn bytes_that_are_no_graph_are_an_error() {
    let Some(factory) = factory() else { return };
    let whole = artefact("models/boosting/model.onnx");
    let refuse = |bytes: Vec<u8>| load_with(factory.clone(), toml("m", ""), bytes).is_err();
    assert!(refuse(Vec::new()));
    assert!(refuse(b"tree\nversion=v4\n".to_vec()));
    assert!(refuse(vec![0xff; 4096]));
    for end in (0..whole.len() - 1).step_by(97) {
        assert!(refuse(whole[..end].to_vec()), "the first {end} bytes");
    }
    // Some changes of a byte leave a graph; none may do more than be refused.
    for position in (0..whole.len()).step_by(41) {
        let mut bytes = whole.clone();
        bytes[position] ^= 0x55;
        let _ = refuse(bytes);
    }
}

#[test]
fn a_missing_runtime_says_what_to_install() {
    let this = std::env::current_exe().unwrap();
    let no_library = tests().join("onnx.rs");
    for path in [Path::new("/nowhere/libonnxruntime.so"), &no_library] {
        // In a process of its own: this one may have a runtime already.
        let output = Command::new(&this)
            .args([
                "--exact",
                "prints_the_error_without_a_runtime",
                "--ignored",
                "--nocapture",
            ])
            .env("ORT_DYLIB_PATH", path)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}");
        for part in [
            "model.onnx: needs ONNX Runtime 1.17 or newer",
            &format!("`{}` cannot be opened", path.display()),
            "pip install onnxruntime",
            "name the file in ORT_DYLIB_PATH",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}

#[test]
#[ignore = "run by a_missing_runtime_says_what_to_install"]
fn prints_the_error_without_a_runtime() {
    let refused = || load_with(Factory::new(), toml("m", ""), Vec::new()).unwrap_err();
    let error = refused();
    assert_eq!(refused(), error, "a second model is told the same");
    eprintln!("{error}");
}
