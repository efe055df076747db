//! What can be computed, and what each aggregate may be told.

use tillwatch_records::column::ColumnType;

/// What a feature computes. `docs/catalog.md` defines each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aggregate {
    /// Number of records; with a column, of those where it is not null.
    Count,
    /// Sum of an integer column.
    Sum,
    /// Arithmetic mean of an integer column.
    Mean,
    /// Population standard deviation of an integer column: 0 for a single record.
    Stddev,
    /// Smallest value.
    Min,
    /// Largest value.
    Max,
    /// Value of the oldest record.
    First,
    /// Value of the newest record.
    Last,
    /// Records that satisfy filter and base over records that satisfy base.
    Ratio,
    /// Number of distinct values of a column or tuple of columns; a tuple with a null does not count.
    Distinct,
    /// Entropy of the values of a column or tuple of columns, in bits.
    Entropy,
    /// Records with the same values as this one.
    Repeats,
    /// Value at a rank.
    Quantile,
    /// Distance of the record's own value from the median, in deviations.
    RobustZ,
    /// Mean time from record to record.
    InterArrivalMean,
    /// Coefficient of variation of the times from record to record.
    InterArrivalCv,
    /// Seconds since the newest other record that satisfies the filter.
    TimeSinceLast,
    /// A number made from the record's own columns.
    Value,
    /// Numbers skipped since the previous record.
    SequenceGap,
    /// Records that repeated the previous number.
    SequenceDuplicates,
    /// Records whose number went back.
    SequenceRegressions,
    /// Changes between two interleaved runs of numbers.
    SequenceForks,
    /// Whether a value differs from the previous record's.
    Changed,
    /// Records whose value differed from the previous one's.
    Changes,
    /// Kilometres from the previous record's place.
    DistanceKm,
    /// Speed from the previous record's place.
    SpeedKmh,
    /// Exponentially weighted mean.
    EwmaMean,
    /// Exponentially weighted standard deviation.
    EwmaStddev,
    /// Distance of the record's own value from the weighted mean, in weighted deviations.
    EwmaZ,
    /// Expected records per hour in this hour of the week.
    HourOfWeekRate,
}

/// Which columns an aggregate reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Nothing,
    /// At most one column, which must not be null.
    OptionalColumn,
    /// One integer column.
    Integer,
    /// One number column or an expression.
    Number,
    /// One integer column or an expression.
    Sequence,
    /// One or more columns.
    Tuple,
    /// Latitude and longitude, which have defaults.
    Place,
    /// An expression.
    Expression,
}

/// Over which records an aggregate is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    /// A window.
    Window,
    /// A window, or all earlier records weighted by age.
    WindowOrMemory,
    /// All earlier records weighted by age.
    Memory,
    /// None.
    None,
}

impl Aggregate {
    /// Every aggregate.
    pub const ALL: [Self; 30] = [
        Self::Count,
        Self::Sum,
        Self::Mean,
        Self::Stddev,
        Self::Min,
        Self::Max,
        Self::First,
        Self::Last,
        Self::Ratio,
        Self::Distinct,
        Self::Entropy,
        Self::Repeats,
        Self::Quantile,
        Self::RobustZ,
        Self::InterArrivalMean,
        Self::InterArrivalCv,
        Self::TimeSinceLast,
        Self::Value,
        Self::SequenceGap,
        Self::SequenceDuplicates,
        Self::SequenceRegressions,
        Self::SequenceForks,
        Self::Changed,
        Self::Changes,
        Self::DistanceKm,
        Self::SpeedKmh,
        Self::EwmaMean,
        Self::EwmaStddev,
        Self::EwmaZ,
        Self::HourOfWeekRate,
    ];

    /// The name in a catalog.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Stddev => "stddev",
            Self::Min => "min",
            Self::Max => "max",
            Self::First => "first",
            Self::Last => "last",
            Self::Ratio => "ratio",
            Self::Distinct => "distinct",
            Self::Entropy => "entropy",
            Self::Repeats => "repeats",
            Self::Quantile => "quantile",
            Self::RobustZ => "robust_z",
            Self::InterArrivalMean => "inter_arrival_mean",
            Self::InterArrivalCv => "inter_arrival_cv",
            Self::TimeSinceLast => "time_since_last",
            Self::Value => "value",
            Self::SequenceGap => "sequence_gap",
            Self::SequenceDuplicates => "sequence_duplicates",
            Self::SequenceRegressions => "sequence_regressions",
            Self::SequenceForks => "sequence_forks",
            Self::Changed => "changed",
            Self::Changes => "changes",
            Self::DistanceKm => "distance_km",
            Self::SpeedKmh => "speed_kmh",
            Self::EwmaMean => "ewma_mean",
            Self::EwmaStddev => "ewma_stddev",
            Self::EwmaZ => "ewma_z",
            Self::HourOfWeekRate => "hour_of_week_rate",
        }
    }

    /// Which columns it reads.
    pub(super) fn takes(self) -> Takes {
        match self {
            Self::Count => Takes::OptionalColumn,
            Self::Sum | Self::Mean | Self::Stddev => Takes::Integer,
            Self::Min
            | Self::Max
            | Self::First
            | Self::Last
            | Self::Quantile
            | Self::RobustZ
            | Self::EwmaMean
            | Self::EwmaStddev
            | Self::EwmaZ => Takes::Number,
            Self::Distinct | Self::Entropy | Self::Repeats | Self::Changed | Self::Changes => {
                Takes::Tuple
            }
            Self::SequenceGap
            | Self::SequenceDuplicates
            | Self::SequenceRegressions
            | Self::SequenceForks => Takes::Sequence,
            Self::DistanceKm | Self::SpeedKmh => Takes::Place,
            Self::Value => Takes::Expression,
            Self::Ratio
            | Self::InterArrivalMean
            | Self::InterArrivalCv
            | Self::TimeSinceLast
            | Self::HourOfWeekRate => Takes::Nothing,
        }
    }

    /// Over which records it is taken.
    pub(super) fn span(self) -> Span {
        match self {
            Self::Quantile | Self::RobustZ => Span::WindowOrMemory,
            Self::EwmaMean | Self::EwmaStddev | Self::EwmaZ | Self::HourOfWeekRate => Span::Memory,
            Self::TimeSinceLast
            | Self::Value
            | Self::SequenceGap
            | Self::Changed
            | Self::DistanceKm
            | Self::SpeedKmh => Span::None,
            _ => Span::Window,
        }
    }

    /// Whether it takes the key, one of those that only some aggregates take.
    pub(super) fn takes_key(self, key: &str) -> bool {
        match key {
            "base" | "strength" | "prior" | "cohort" => self == Self::Ratio,
            "label" => matches!(self, Self::Count | Self::Sum | Self::Mean | Self::Ratio),
            "resolution" => matches!(
                self,
                Self::Count
                    | Self::Sum
                    | Self::Mean
                    | Self::Stddev
                    | Self::Min
                    | Self::Max
                    | Self::Ratio
                    | Self::Distinct
            ),
            "last" => {
                self.span() != Span::Memory
                    && !matches!(
                        self,
                        Self::Ratio
                            | Self::SequenceDuplicates
                            | Self::SequenceRegressions
                            | Self::SequenceForks
                            | Self::Changes
                            | Self::TimeSinceLast
                            | Self::Value
                            | Self::SequenceGap
                            | Self::Changed
                            | Self::DistanceKm
                            | Self::SpeedKmh
                    )
            }
            "quantile" => self == Self::Quantile,
            "scale" => self == Self::RobustZ,
            "half_life" => matches!(
                self,
                Self::Quantile
                    | Self::RobustZ
                    | Self::EwmaMean
                    | Self::EwmaStddev
                    | Self::EwmaZ
                    | Self::HourOfWeekRate
                    | Self::Ratio
            ),
            "wrap" => self.takes() == Takes::Sequence,
            "window" | "delay" | "exclude_current" => {
                matches!(self.span(), Span::Window | Span::WindowOrMemory)
            }
            "filter" | "record_type" => self != Self::Value,
            _ => true,
        }
    }

    /// What takes the place of a `resolution` where a window needs its records one by one; nothing for
    /// an aggregate that has a resolution, or no window.
    pub(super) fn instead_of_resolution(self) -> Option<&'static str> {
        match self.span() {
            Span::WindowOrMemory => {
                Some("remove it and give a `half_life` in place of the window, or a shorter window")
            }
            Span::Window if !self.takes_key("resolution") => {
                Some("remove it and give a shorter window")
            }
            _ => None,
        }
    }

    /// Names of the aggregates that take `key`, for error messages.
    pub(super) fn that_take(key: &str) -> String {
        let names: Vec<&str> = Self::ALL
            .into_iter()
            .filter(|aggregate| aggregate.takes_key(key))
            .map(Self::as_str)
            .collect();
        names.join(", ")
    }
}

impl Takes {
    /// What is wrong with `kind` as the type of a column, in words.
    pub(super) fn objection(self, kind: ColumnType) -> Option<&'static str> {
        let is_number = matches!(kind, ColumnType::Int64 | ColumnType::Float64);
        match self {
            Self::Integer if kind != ColumnType::Int64 => {
                Some("an integer, so that sums are exact")
            }
            Self::Sequence if kind != ColumnType::Int64 => Some("an integer, or an `expression`"),
            Self::Number if !is_number => Some("a number, or an `expression`"),
            Self::Place if kind != ColumnType::Float64 => Some("degrees as a decimal number"),
            _ => None,
        }
    }
}
