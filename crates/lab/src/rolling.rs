//! Features by polars' rolling windows.
//!
//! One `rolling` query per different window: its aggregates run over columns in which a record that
//! does not count is null (or 0, where it is the number of them that is asked for), so filters need no
//! part in the query.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanBufferBuilder, Float64Array, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType as ArrowType, Field, Float64Type, Int64Type, Schema};
use polars::prelude::{
    Column as Values, DataFrame, DataType, Duration, Expr, IntoColumn as _, IntoLazy as _,
    NamedFrom as _, RollingGroupOptions, Series, TimeUnit, col,
};
use polars_time::ClosedWindow;
use tillwatch_records::Column;

use crate::declared::{self, Aggregate, Counted, Declared, Feature};
use crate::error::LabError;
use crate::rows::Rows;

/// Names of the two columns that every query has.
const KEY: &str = "key";
const TIME: &str = "time";

/// Longer than the span of any times that are accepted: a window without a beginning.
const ALWAYS_MS: i64 = 400 * 365 * 86_400_000 / 2;

/// One `Float64` column per feature of `declared`, in its order and in the order of `rows`.
///
/// # Errors
/// A column is missing or has another type than its canonical one, or polars refuses.
pub fn compute(declared: &Declared, rows: &Rows) -> Result<RecordBatch, LabError> {
    let mut inputs = Inputs::new(rows);
    let mut found: Vec<Option<ArrayRef>> = vec![None; declared.features.len()];
    let mut passes: HashMap<Window, Vec<usize>> = HashMap::new();
    for (index, feature) in declared.features.iter().enumerate() {
        match Window::of(feature) {
            Some(window) => passes.entry(window).or_default().push(index),
            None => found[index] = Some(own_value(feature, rows)?),
        }
    }
    for (window, members) in passes {
        let mut expressions: Vec<Expr> = Vec::new();
        for index in &members {
            inputs.add_terms(&declared.features[*index], &mut expressions)?;
        }
        let aggregated = inputs.roll(window, expressions)?;
        for index in members {
            let values = inputs.value(&declared.features[index], &aggregated)?;
            found[index] = Some(Arc::new(values));
        }
    }
    let fields = declared.features.iter();
    let fields = fields.map(|feature| Field::new(&feature.name, ArrowType::Float64, true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    Ok(RecordBatch::try_new(
        schema,
        found.into_iter().flatten().collect(),
    )?)
}

/// The number that a `value` feature makes of each record.
fn own_value(feature: &Feature, rows: &Rows) -> Result<ArrayRef, LabError> {
    let sql = feature.expression.as_deref().unwrap_or("NULL");
    let expression = declared::expression(sql).map_err(|message| LabError::Declaration {
        message: format!("feature `{}`: {message}", feature.name),
    })?;
    let inputs = arrays(rows, expression.inputs());
    Ok(Arc::new(expression.evaluate(&inputs, rows.len())))
}

fn arrays(rows: &Rows, names: &[String]) -> Vec<ArrayRef> {
    let columns = names.iter().filter_map(|name| Column::from_name(name));
    columns.map(|column| rows.array(column)).collect()
}

/// Which records a query rolls over, relative to each record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Window {
    start_ms: i64,
    length_ms: i64,
    closed: Closed,
}

/// Which ends belong to a window. Polars has a type for it, which cannot be a map's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Closed {
    /// `(start, end]`
    Right,
    /// `(start, end)`: without the record, and so without all of its time.
    Neither,
}

impl Window {
    /// None for an aggregate of the record alone.
    fn of(feature: &Feature) -> Option<Self> {
        let without_current = feature.exclude_current && feature.delay_ms == 0;
        match feature.aggregate {
            Aggregate::Value => None,
            Aggregate::TimeSinceLast => Some(Self {
                start_ms: -ALWAYS_MS,
                length_ms: ALWAYS_MS,
                closed: Closed::Neither,
            }),
            _ => Some(Self {
                start_ms: -feature.delay_ms - feature.window_ms,
                length_ms: feature.window_ms,
                closed: if without_current {
                    Closed::Neither
                } else {
                    Closed::Right
                },
            }),
        }
    }

    fn options(self) -> Result<RollingGroupOptions, LabError> {
        Ok(RollingGroupOptions {
            index_column: TIME.into(),
            period: Duration::try_parse(&format!("{}ms", self.length_ms))?,
            offset: Duration::try_parse(&format!("{}ms", self.start_ms))?,
            closed_window: match self.closed {
                Closed::Right => ClosedWindow::Right,
                Closed::Neither => ClosedWindow::None,
            },
        })
    }
}

/// What an aggregate of polars reads of a record that counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Term {
    /// 1, else 0.
    One(Counted),
    /// 0, else 1.
    Missing(Counted),
    /// The value of the only column, else null.
    Value(Counted),
    /// A number for the tuple of columns, else null.
    Tuple(Counted),
    /// Its place in the order of key, time and arrival, else null.
    Place(Counted),
}

/// The columns that queries read, in the order of key, time and arrival.
struct Inputs<'a> {
    rows: &'a Rows,
    /// Row at each place.
    order: Vec<usize>,
    names: HashMap<Term, String>,
    columns: Vec<Values>,
    /// Which rows count, in the order of arrival.
    counted: HashMap<Counted, BooleanBuffer>,
}

impl<'a> Inputs<'a> {
    fn new(rows: &'a Rows) -> Self {
        let order = rows.by_key_and_time();
        let keys: Vec<u32> = order.iter().map(|row| rows.keys()[*row]).collect();
        let times: Vec<i64> = order.iter().map(|row| rows.times_ms()[*row]).collect();
        let times = Series::new(TIME.into(), times).into_datetime(TimeUnit::Milliseconds, None);
        Self {
            rows,
            order,
            names: HashMap::new(),
            columns: vec![
                Series::new(KEY.into(), keys).into_column(),
                times.into_column(),
            ],
            counted: HashMap::new(),
        }
    }

    /// The aggregates that make up `feature`, each unless it is there.
    fn add_terms(
        &mut self,
        feature: &Feature,
        expressions: &mut Vec<Expr>,
    ) -> Result<(), LabError> {
        for (suffix, term) in terms(feature) {
            let input = self.column(term)?;
            let input = col(input.as_str());
            let aggregated = match suffix {
                "sum" | "total" => input.sum(),
                "mean" => input.mean(),
                "stddev" => input.std(0),
                "min" => input.min(),
                "max" => input.max(),
                _ => input.n_unique(),
            };
            expressions.push(aggregated.alias(format!("{}/{suffix}", feature.name)));
        }
        Ok(())
    }

    /// The name of the column that holds `term`, made when it is new.
    fn column(&mut self, term: Term) -> Result<String, LabError> {
        if let Some(name) = self.names.get(&term) {
            return Ok(name.clone());
        }
        let name = format!("input_{}", self.names.len());
        let values = self.values(&term, &name)?;
        self.columns.push(values.into_column());
        self.names.insert(term, name.clone());
        Ok(name)
    }

    fn values(&mut self, term: &Term, name: &str) -> Result<Series, LabError> {
        let (Term::One(of)
        | Term::Missing(of)
        | Term::Value(of)
        | Term::Tuple(of)
        | Term::Place(of)) = term;
        let set = self.counted(of)?;
        let order = self.order.iter().copied();
        let name = name.into();
        Ok(match term {
            Term::One(_) => {
                let ones: Vec<i64> = order.map(|row| i64::from(set.value(row))).collect();
                Series::new(name, ones)
            }
            Term::Missing(_) => {
                let ones: Vec<i64> = order.map(|row| i64::from(!set.value(row))).collect();
                Series::new(name, ones)
            }
            Term::Place(_) => {
                let places = order.enumerate();
                let places = places.map(|(place, row)| set.value(row).then_some(place as i64));
                Series::new(name, places.collect::<Vec<_>>())
            }
            Term::Tuple(_) => {
                let numbers = self.rows.tuple_numbers(&of.columns)?;
                let numbers = order.map(|row| set.value(row).then_some(numbers[row]));
                Series::new(name, numbers.collect::<Vec<_>>())
            }
            Term::Value(_) => {
                let array = self.number(of)?;
                if let Some(integers) = array.as_primitive_opt::<Int64Type>() {
                    let values = order.map(|row| set.value(row).then(|| integers.value(row)));
                    Series::new(name, values.collect::<Vec<_>>())
                } else {
                    let floats = array.as_primitive::<Float64Type>();
                    let values = order.map(|row| set.value(row).then(|| floats.value(row)));
                    Series::new(name, values.collect::<Vec<_>>())
                }
            }
        })
    }

    /// The only column of `of`, an array of integers or doubles.
    fn number(&self, of: &Counted) -> Result<ArrayRef, LabError> {
        let array = of.columns.first().map(|column| self.rows.array(*column));
        let number =
            |array: &ArrayRef| matches!(array.data_type(), ArrowType::Int64 | ArrowType::Float64);
        array.filter(number).ok_or_else(|| LabError::Column {
            name: of.columns.first().map_or("", |c| c.name()).to_owned(),
            message: "it is not a column of numbers".to_owned(),
        })
    }

    fn counted(&mut self, of: &Counted) -> Result<BooleanBuffer, LabError> {
        if let Some(set) = self.counted.get(of) {
            return Ok(set.clone());
        }
        let rows = self.rows.len();
        let late = self.rows.late();
        let mut set = BooleanBuffer::collect_bool(rows, |row| !late[row]);
        for sql in &of.predicates {
            let predicate =
                declared::predicate(sql).map_err(|message| LabError::Declaration { message })?;
            set = &set & &predicate.evaluate(&arrays(self.rows, predicate.inputs()), rows);
        }
        for column in &of.columns {
            let array = self.rows.array(*column);
            if let Some(nulls) = array.nulls() {
                set = &set & nulls.inner();
            }
            if let Some(floats) = array.as_primitive_opt::<Float64Type>() {
                let known = floats.values().iter().map(|value| !value.is_nan());
                set = &set & &known.collect();
            }
        }
        self.counted.insert(of.clone(), set.clone());
        Ok(set)
    }

    /// The aggregates of `window` around every record, in the order of key, time and arrival.
    fn roll(&self, window: Window, expressions: Vec<Expr>) -> Result<DataFrame, LabError> {
        let frame = DataFrame::new(self.rows.len(), self.columns.clone())?;
        let rolled = frame
            .lazy()
            .rolling(col(TIME), [col(KEY)], window.options()?)
            .agg(expressions)
            .collect()?;
        // Within a key the order is kept, but keys may come in any.
        let keys = rolled.column(KEY)?.u32()?;
        let sorted = keys.iter().flatten().is_sorted();
        Ok(if sorted {
            rolled
        } else {
            let options = polars::prelude::SortMultipleOptions::default().with_maintain_order(true);
            rolled.sort([KEY], options)?
        })
    }

    /// The values of `feature` in the order of arrival.
    fn value(&self, feature: &Feature, of: &DataFrame) -> Result<Float64Array, LabError> {
        let parts: Vec<Vec<Option<f64>>> = terms(feature)
            .iter()
            .map(|(suffix, _)| {
                let column = of.column(&format!("{}/{suffix}", feature.name))?;
                let floats = column.cast(&DataType::Float64)?;
                Ok(floats.f64()?.iter().collect())
            })
            .collect::<Result<_, LabError>>()?;
        let known = match feature.aggregate {
            Aggregate::First | Aggregate::Last => Some(self.number(&feature.counted)?),
            _ => None,
        };
        let mut values = vec![f64::NAN; self.rows.len()];
        for (place, row) in self.order.iter().enumerate() {
            let part = |index: usize| parts.get(index).and_then(|part| part[place]);
            values[*row] = self.combine(feature.aggregate, &part, known.as_ref(), place);
        }
        Ok(without_nan(values))
    }

    /// The value of a feature from the aggregates that it is made of; NaN for none.
    fn combine(
        &self,
        aggregate: Aggregate,
        part: &dyn Fn(usize) -> Option<f64>,
        known: Option<&ArrayRef>,
        place: usize,
    ) -> f64 {
        let row_at = |place: f64| self.order[place as usize];
        match aggregate {
            Aggregate::Count | Aggregate::Sum => part(0).unwrap_or(0.0),
            Aggregate::Ratio => part(0).unwrap_or(0.0) / part(1).unwrap_or(0.0),
            Aggregate::Distinct => part(0).unwrap_or(0.0) - part(1).unwrap_or(0.0),
            Aggregate::TimeSinceLast => part(0).map_or(f64::NAN, |last| {
                let times = self.rows.times_ms();
                (times[self.order[place]] - times[row_at(last)]) as f64 / 1000.0
            }),
            Aggregate::First | Aggregate::Last => part(0).map_or(f64::NAN, |found| {
                known.map_or(f64::NAN, |array| number_at(array, row_at(found)))
            }),
            _ => part(0).unwrap_or(f64::NAN),
        }
    }
}

/// Aggregates of polars that make up a feature, in the order in which [`Inputs::combine`] wants them.
fn terms(feature: &Feature) -> Vec<(&'static str, Term)> {
    use Aggregate as A;
    let of = || feature.counted.clone();
    match feature.aggregate {
        A::Count => vec![("sum", Term::One(of()))],
        A::Sum => vec![("sum", Term::Value(of()))],
        A::Mean => vec![("mean", Term::Value(of()))],
        A::Stddev => vec![("stddev", Term::Value(of()))],
        A::Min => vec![("min", Term::Value(of()))],
        A::Max => vec![("max", Term::Value(of()))],
        A::First => vec![("min", Term::Place(of()))],
        A::Last | A::TimeSinceLast => vec![("max", Term::Place(of()))],
        A::Ratio => vec![
            ("sum", Term::One(feature.part.clone())),
            ("total", Term::One(of())),
        ],
        // Polars counts null as a value.
        A::Distinct => vec![
            ("n_unique", Term::Tuple(of())),
            ("max", Term::Missing(of())),
        ],
        A::Value => Vec::new(),
    }
}

fn number_at(array: &ArrayRef, row: usize) -> f64 {
    match array.as_primitive_opt::<Int64Type>() {
        Some(integers) => integers.value(row) as f64,
        None => array.as_primitive::<Float64Type>().value(row),
    }
}

fn without_nan(values: Vec<f64>) -> Float64Array {
    let mut known = BooleanBufferBuilder::new(values.len());
    values
        .iter()
        .for_each(|value| known.append(!value.is_nan()));
    Float64Array::new(values.into(), Some(known.finish().into()))
}
