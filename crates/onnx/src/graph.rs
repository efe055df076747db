//! What a graph reads and writes, as its author declares it, held against model.toml.

use ort::session::Session;
use ort::value::{Outlet, TensorElementType, ValueType};
use tillwatch_records::suggest::did_you_mean;
use tillwatch_scoring::OutputTable;

use crate::error::OnnxError;

/// Outputs that converters call the probabilities of all classes.
const PROBABILITIES: [&str; 2] = ["probabilities", "output_probability"];

/// How rows go into a graph, and what comes out.
#[derive(Debug, Clone)]
pub(crate) struct Graph {
    /// At least one; together they take every input of the model once.
    pub(crate) feeds: Vec<Feed>,
    /// Whether it takes one row at a time.
    pub(crate) is_for_one_row: bool,
    /// Name of the output that is the score.
    pub(crate) output: String,
}

/// A tensor that goes in.
#[derive(Debug, Clone)]
pub(crate) struct Feed {
    pub(crate) name: String,
    /// The inputs that are its columns, by position in model.toml.
    pub(crate) columns: Vec<usize>,
    pub(crate) precision: Precision,
}

/// Width of floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precision {
    /// 32 bits.
    Single,
    /// 64 bits.
    Double,
}

impl Graph {
    /// Finds each of `inputs` in the graph's, and the output that `wanted` describes.
    pub(crate) fn new(
        session: &Session,
        inputs: &[String],
        wanted: Option<&OutputTable>,
    ) -> Result<Self, OnnxError> {
        let mut sizes = Vec::new();
        let feeds = match session.inputs() {
            [] => Err(OnnxError::Inputs("the graph reads nothing".into())),
            [matrix] => all_in_one(matrix, inputs, &mut sizes),
            columns => one_each(columns, inputs, &mut sizes),
        }?;
        let fixed = sizes.into_iter().find(|size| *size >= 0);
        if let Some(rows) = fixed.filter(|rows| *rows != 1) {
            return Err(OnnxError::Inputs(format!(
                "the graph takes batches of {rows} rows alone; export it with a batch of any size"
            )));
        }
        Ok(Self {
            feeds,
            is_for_one_row: fixed.is_some(),
            output: output(session.outputs(), wanted)?,
        })
    }
}

/// One tensor that has all inputs. Pushes the number of rows it declares, −1 for any.
fn all_in_one(
    matrix: &Outlet,
    inputs: &[String],
    sizes: &mut Vec<i64>,
) -> Result<Vec<Feed>, OnnxError> {
    let (precision, rows, width) = dimensions(matrix)?;
    // A dimension of any size is tried out.
    if width >= 0 && width != inputs.len() as i64 {
        return Err(OnnxError::Inputs(format!(
            "input `{}` has {width} columns, model.toml names {} inputs",
            matrix.name(),
            inputs.len()
        )));
    }
    sizes.push(rows);
    Ok(vec![Feed {
        name: matrix.name().to_owned(),
        columns: (0..inputs.len()).collect(),
        precision,
    }])
}

/// One tensor per input.
fn one_each(
    columns: &[Outlet],
    inputs: &[String],
    sizes: &mut Vec<i64>,
) -> Result<Vec<Feed>, OnnxError> {
    let feed = |column: &Outlet| {
        let name = column.name();
        let Some(position) = inputs.iter().position(|input| input == name) else {
            let hint = did_you_mean(name, inputs.iter().map(String::as_str));
            return Err(OnnxError::Inputs(format!(
                "the graph reads `{name}`, which is no input of model.toml{hint}"
            )));
        };
        let (precision, rows, width) = dimensions(column)?;
        if width >= 0 && width != 1 {
            return Err(OnnxError::Inputs(format!(
                "input `{name}` has {width} columns; of several inputs each has one"
            )));
        }
        sizes.push(rows);
        Ok(Feed {
            name: name.to_owned(),
            columns: vec![position],
            precision,
        })
    };
    let feeds = columns.iter().map(feed).collect::<Result<Vec<_>, _>>()?;
    let is_read = |position| feeds.iter().any(|feed| feed.columns == [position]);
    match (0..inputs.len()).find(|position| !is_read(*position)) {
        None => Ok(feeds),
        Some(unread) => Err(OnnxError::Inputs(format!(
            "the graph does not read `{}`, which model.toml names",
            inputs[unread]
        ))),
    }
}

/// Precision, rows and columns of an input, −1 for any number.
fn dimensions(outlet: &Outlet) -> Result<(Precision, i64, i64), OnnxError> {
    let refuse = |what: String| {
        Err(OnnxError::Inputs(format!(
            "input `{}` is {what}; it has to be a tensor of floats with the dimensions batch and columns",
            outlet.name()
        )))
    };
    let ValueType::Tensor { ty, shape, .. } = outlet.dtype() else {
        return refuse("no tensor".into());
    };
    let precision = match ty {
        TensorElementType::Float32 => Precision::Single,
        TensorElementType::Float64 => Precision::Double,
        other => return refuse(format!("of {other:?}")),
    };
    match shape[..] {
        [rows, width] => Ok((precision, rows, width)),
        _ => refuse(format!("of {} dimensions", shape.len())),
    }
}

/// Name of the output that is the score.
fn output(outputs: &[Outlet], wanted: Option<&OutputTable>) -> Result<String, OnnxError> {
    let names = || outputs.iter().map(Outlet::name);
    let found = match (wanted, outputs) {
        (Some(wanted), _) => outputs.iter().find(|o| o.name() == wanted.name),
        (None, [only]) => Some(only),
        (None, _) => outputs.iter().find(|o| PROBABILITIES.contains(&o.name())),
    };
    let Some(found) = found else {
        let all = names().collect::<Vec<_>>().join(", ");
        return Err(OnnxError::Output(match wanted {
            Some(wanted) => format!(
                "the graph has no output `{}`{}; it has {all}",
                wanted.name,
                did_you_mean(&wanted.name, names())
            ),
            None => {
                format!("the graph has the outputs {all}; say in [output] name which is the score")
            }
        }));
    };
    let name = found.name();
    match found.dtype() {
        ValueType::Tensor {
            ty: TensorElementType::Float32 | TensorElementType::Float64,
            ..
        } => Ok(name.to_owned()),
        ValueType::Tensor { ty, .. } => Err(OnnxError::Output(format!(
            "output `{name}` is of {ty:?}, a score is of floats; name another one in [output] name"
        ))),
        _ => Err(OnnxError::Output(format!(
            "output `{name}` is no tensor; export without a map of classes: `zipmap=False` \
             (skl2onnx: options={{\"zipmap\": False}})"
        ))),
    }
}
