//! Every aggregate, by the name that a catalog gives it.

use super::definition::Definition;
use super::{arrival, detector, distinct, ewma, moments, quantile, ratio, reuse, slope, top_share};

macro_rules! aggregates {
    ($($variant:ident $name:literal $definition:path,)*) => {
        /// What is computed; `docs/catalog.md` defines each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the names say it; the catalog's reference defines them")]
        pub enum OracleAggregate { $($variant,)* }

        impl OracleAggregate {
            /// Every aggregate.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in a catalog.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            pub(super) fn definition(self) -> &'static Definition {
                match self { $(Self::$variant => &$definition,)* }
            }
        }
    };
}

aggregates! {
    Count "count" moments::COUNT,
    Sum "sum" moments::SUM,
    Mean "mean" moments::MEAN,
    Stddev "stddev" moments::STDDEV,
    Slope "slope" slope::SLOPE,
    Min "min" moments::MIN,
    Max "max" moments::MAX,
    First "first" moments::FIRST,
    Last "last" moments::LAST,
    Ratio "ratio" ratio::RATIO,
    Distinct "distinct" distinct::DISTINCT,
    Entropy "entropy" distinct::ENTROPY,
    Repeats "repeats" distinct::REPEATS,
    TopShare "top_share" top_share::TOP_SHARE,
    Quantile "quantile" quantile::QUANTILE,
    RobustZ "robust_z" quantile::ROBUST_Z,
    InterArrivalMean "inter_arrival_mean" arrival::INTER_ARRIVAL_MEAN,
    InterArrivalCv "inter_arrival_cv" arrival::INTER_ARRIVAL_CV,
    TimeSinceLast "time_since_last" arrival::TIME_SINCE_LAST,
    Value "value" moments::VALUE,
    SequenceGap "sequence_gap" detector::SEQUENCE_GAP,
    SequenceDuplicates "sequence_duplicates" detector::SEQUENCE_DUPLICATES,
    SequenceRegressions "sequence_regressions" detector::SEQUENCE_REGRESSIONS,
    SequenceForks "sequence_forks" detector::SEQUENCE_FORKS,
    Changed "changed" detector::CHANGED,
    Changes "changes" detector::CHANGES,
    IdReuses "id_reuses" reuse::ID_REUSES,
    DistanceKm "distance_km" detector::DISTANCE_KM,
    SpeedKmh "speed_kmh" detector::SPEED_KMH,
    EwmaMean "ewma_mean" ewma::MEAN,
    EwmaStddev "ewma_stddev" ewma::STDDEV,
    EwmaZ "ewma_z" ewma::Z,
    HourOfWeekRate "hour_of_week_rate" arrival::HOUR_OF_WEEK_RATE,
}
