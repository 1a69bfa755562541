//! The result as a table, and what it says.

use crate::scenario::{Line, Scenario};

/// CPU seconds of the floor per million items, within which a run counts: outside, the machine or the floor is off.
const HTTP_FLOOR: std::ops::RangeInclusive<f64> = 0.25..=0.5;
const GRPC_FLOOR: std::ops::RangeInclusive<f64> = 0.4..=0.8;

/// A table in Markdown.
pub(crate) fn table(lines: &[Line]) -> String {
    let mut text = String::from(
        "| scenario | program | CPU s / million items | peak RSS MiB | ready ms | items/s | p99 ms | refused |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for line in lines {
        let scenario = format!("{:?} {}", line.scenario, line.variant);
        text += &format!(
            "| {} | {} | {:.3} | {:.1} | {:.1} | {:.0} | {:.2} | {:.0} |\n",
            scenario.trim_end(),
            line.program,
            line.cpu_seconds_per_million_items,
            line.resident_peak_kib / 1024.0,
            line.ready_after_ms,
            line.items_per_second,
            line.p99_ms,
            line.refused_requests,
        );
    }
    text
}

/// Why the run does not count, for each scenario whose floor is off.
pub(crate) fn void(lines: &[Line]) -> Vec<String> {
    let floors = lines.iter().filter(|line| line.program == "floor");
    let reasons = floors.filter_map(|line| {
        let range = match line.scenario {
            Scenario::Http | Scenario::HttpLogs => HTTP_FLOOR,
            Scenario::Grpc => GRPC_FLOOR,
            _ => return None,
        };
        let floor = line.cpu_seconds_per_million_items;
        (!range.contains(&floor)).then(|| {
            format!(
                "VOID: {:?}: the floor takes {floor:.3} CPU s per million items, outside {:.2} to {:.2}",
                line.scenario,
                range.start(),
                range.end()
            )
        })
    });
    reasons.collect()
}

/// How the cost of a request grows with its items: fitted `a + b * n`, over the three smallest and the three largest sizes.
pub(crate) fn slopes(lines: &[Line]) -> Option<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = lines
        .iter()
        .filter(|line| line.scenario == Scenario::Growth && line.program == "kmagent")
        .filter_map(|line| {
            let items: f64 = line.variant.split(' ').next()?.parse().ok()?;
            Some((items, line.cpu_seconds_per_million_items * items))
        })
        .collect();
    points.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let lower = points.get(..3).map(slope)?;
    let upper = points.get(points.len().checked_sub(3)?..).map(slope)?;
    Some((lower, upper))
}

/// The slope of the line of least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let (sum_x, sum_y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let over: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let under: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    over / under
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(scenario: Scenario, variant: &str, program: &'static str, cpu: f64) -> Line {
        Line {
            scenario,
            variant: variant.to_owned(),
            program,
            cpu_seconds_per_million_items: cpu,
            resident_peak_kib: 2048.0,
            ready_after_ms: 1.0,
            items_per_second: 1.0,
            p99_ms: 1.0,
            refused_requests: 0.0,
        }
    }

    #[test]
    fn a_floor_outside_its_range_voids_the_run() {
        assert!(void(&[line(Scenario::Http, "", "floor", 0.3)]).is_empty());
        assert_eq!(void(&[line(Scenario::Http, "", "floor", 0.1)]).len(), 1);
        assert_eq!(void(&[line(Scenario::Grpc, "", "floor", 0.9)]).len(), 1);
        assert!(void(&[line(Scenario::Http, "", "kmagent", 9.0)]).is_empty());
    }

    #[test]
    fn a_cost_that_grows_straight_has_one_slope() {
        // 2 and 0.5 for each item.
        let sizes = [10.0, 100.0, 1_000.0, 5_000.0];
        let lines = sizes
            .map(|n| line(Scenario::Growth, &format!("{n} items"), "kmagent", (2.0 + 0.5 * n) / n));
        let (lower, upper) = slopes(&lines).unwrap();
        assert!((lower - 0.5).abs() < 1e-9 && (upper - 0.5).abs() < 1e-9, "{lower} {upper}");
    }

    #[test]
    fn the_table_has_a_line_for_each() {
        let text = table(&[line(Scenario::Growth, "10 items", "kmagent", 0.5)]);
        assert!(text.contains("| Growth 10 items | kmagent | 0.500 | 2.0 |"), "{text}");
    }
}
