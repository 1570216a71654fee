//! Points in time. The clock itself is in `io/`.

use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Writes it as RFC 3339 with the offset of `zone`: `2026-03-01T09:30:00.125+08:00`.
    ///
    /// With the milliseconds, so that what is printed of a change may be given back as `--at`.
    ///
    /// A time outside the years that a calendar knows is written as its number of milliseconds.
    pub fn to_rfc3339(self, zone: &jiff::tz::TimeZone) -> String {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string(),
            Err(_) => self.0.to_string(),
        }
    }
}
