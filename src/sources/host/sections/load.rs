//! Reads how many processes wanted to run, on average over the last 1, 5 and 15 minutes, and for how long the machine is up.
//!
//! Linux counts those that wait for a disk along (proc(5), `/proc/loadavg`).
//!
//! Pure: no I/O, no clock, no tasks.

use super::super::reading::Reading;

/// The load over 1, 5 and 15 minutes.
pub fn readings(load: [f64; 3]) -> Vec<Reading> {
    let figures = ["1", "5", "15"].into_iter().zip(load);
    figures
        .filter(|(_, value)| value.is_finite() && *value >= 0.0)
        .map(|(field, value)| Reading { field, dimensions: Vec::new(), value })
        .collect()
}

/// Reads `/proc/loadavg`.
pub fn parse(loadavg: &str) -> Option<[f64; 3]> {
    let mut load = [0.0; 3];
    let mut fields = loadavg.split_ascii_whitespace();
    for figure in &mut load {
        *figure = parse_figure(fields.next()?)?;
    }
    Some(load)
}

/// Seconds since the start, from `/proc/uptime`.
pub fn parse_uptime(uptime: &str) -> Option<f64> {
    parse_figure(uptime.split_ascii_whitespace().next()?)
}

fn parse_figure(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite() && *value >= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_three_figures_are_the_load() {
        assert_eq!(parse("0.20 0.18 12.12 1/80 11206\n"), Some([0.2, 0.18, 12.12]));
        assert_eq!(parse_uptime("350735.47 234388.90\n"), Some(350_735.47));
    }

    #[test]
    fn what_is_no_figure_is_refused() {
        for text in ["", "0.1 0.2", "a b c", "0.1 inf 0.2", "0.1 -1 0.2", "NaN 1 1"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        assert_eq!(parse_uptime("-5 1"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "([0-9.eE+-]{0,9} ?){0,5}\\PC*") {
            let load = parse(&text).into_iter().flatten();
            for figure in load.chain(parse_uptime(&text)) {
                prop_assert!(figure.is_finite() && figure >= 0.0);
            }
        }
    }
}
