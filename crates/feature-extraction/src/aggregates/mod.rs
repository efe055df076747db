//! One file per aggregate, or per family that one section of `docs/catalog.md` defines. A file says what a
//! catalog may tell the aggregate, what it asks for of a plan, and how its values are made of that.
//!
//! A new one is a file here, a line in the table, an oracle in testkit and a section in the catalog's page.

mod change;
mod count;
mod definition;
mod distinct;
mod edge;
mod entropy;
mod ewma;
mod extreme;
mod hour_of_week_rate;
mod id_reuses;
mod inter_arrival;
mod mean;
mod quantile;
mod ratio;
mod repeats;
mod robust_z;
mod sequence;
mod slope;
mod stddev;
mod sum;
mod table;
mod time_since_last;
mod top_share;
mod travel;
mod value;

pub(crate) use table::definition_of;
