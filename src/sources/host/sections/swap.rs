//! Section `swap`: swap space, of all devices together. A machine without any has figures of 0, as the agent publishes them.
//!
//! Pure: no I/O, no clock, no tasks.

use super::super::reading::Reading;
use super::mem::bytes_of;

/// Reads `/proc/meminfo`; `None` where it does not say.
pub fn readings(meminfo: &str) -> Option<Vec<Reading>> {
    let total = bytes_of(meminfo, "SwapTotal")?;
    let free = bytes_of(meminfo, "SwapFree")?.min(total);
    let used = total - free;
    let percent = if total == 0 { 0.0 } else { 100.0 * used as f64 / total as f64 };
    let figures = [("free", free as f64), ("used", used as f64), ("used_percent", percent)];
    Some(figures.into_iter().map(|(field, value)| Reading { field, dimensions: Vec::new(), value }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(meminfo: &str) -> Option<Vec<f64>> {
        Some(readings(meminfo)?.into_iter().map(|reading| reading.value).collect())
    }

    #[test]
    fn used_is_what_is_not_free() {
        let values = values("SwapCached: 7 kB\nSwapTotal: 400 kB\nSwapFree: 300 kB\n");
        assert_eq!(values, Some(vec![300.0 * 1_024.0, 100.0 * 1_024.0, 25.0]));
    }

    #[test]
    fn no_swap_space_is_zero_and_not_an_impossible_share() {
        assert_eq!(values("SwapTotal: 0 kB\nSwapFree: 0 kB\n"), Some(vec![0.0; 3]));
        assert_eq!(values("SwapFree: 0 kB\n"), None);
    }
}
