//! What is measured: scenarios, each over several rounds in which the programs take turns.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::Serialize;
use tokio::time::sleep;

use crate::http::Protocol;
use crate::load;
use crate::measure;
use crate::payload::Kind;
use crate::subject::{Program, Task, free_address};

/// The scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scenario {
    Http,
    HttpLogs,
    Grpc,
    HttpGzip,
    GrpcGzip,
    /// Resident memory without any load.
    Idle,
    /// 10, 100, 1,000 and 5,000 items in a request.
    Growth,
    /// 1 to 1,000 connections.
    Connections,
}

/// One line of the result: medians over the rounds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) scenario: Scenario,
    /// What was varied, if anything.
    pub(crate) variant: String,
    pub(crate) program: &'static str,
    pub(crate) cpu_seconds_per_million_items: f64,
    pub(crate) resident_peak_kib: f64,
    pub(crate) ready_after_ms: f64,
    pub(crate) items_per_second: f64,
    pub(crate) p99_ms: f64,
    pub(crate) refused_requests: f64,
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
}

/// One combination of task and load.
struct Variant {
    name: String,
    task: Task,
    items: u64,
    connections: u64,
}

impl Scenario {
    fn variants(self) -> Vec<Variant> {
        let task = |protocol, kind, gzip| Task { protocol, kind, gzip };
        let plain = task(Protocol::Http, Kind::Traces, false);
        let one = |task| vec![Variant { name: String::new(), task, items: 512, connections: 8 }];
        match self {
            Self::Http | Self::Idle => one(plain),
            Self::HttpLogs => one(task(Protocol::Http, Kind::Logs, false)),
            Self::Grpc => one(task(Protocol::Grpc, Kind::Traces, false)),
            Self::HttpGzip => one(task(Protocol::Http, Kind::Traces, true)),
            Self::GrpcGzip => one(task(Protocol::Grpc, Kind::Traces, true)),
            Self::Growth => [10, 100, 1_000, 5_000]
                .map(|items| Variant {
                    name: format!("{items} items"),
                    task: plain,
                    items,
                    connections: 8,
                })
                .into(),
            Self::Connections => [1, 10, 100, 1_000]
                .map(|connections| Variant {
                    name: format!("{connections} connections"),
                    task: plain,
                    items: 512,
                    connections,
                })
                .into(),
        }
    }

    /// Measures every program that can do it.
    pub(crate) async fn measure(self, programs: &[Program], effort: Effort) -> Result<Vec<Line>> {
        let mut lines = Vec::new();
        for variant in self.variants() {
            let mut rounds: BTreeMap<usize, Vec<Line>> = BTreeMap::new();
            for round in 1..=effort.rounds {
                for (place, program) in programs.iter().enumerate() {
                    if !program.can(variant.task) {
                        continue;
                    }
                    note(&format!("{self:?} {} {} round {round}", variant.name, program.name()));
                    let line = self.measure_once(program, &variant, effort).await;
                    let line = line.with_context(|| format!("{self:?}, {}", program.name()))?;
                    rounds.entry(place).or_default().push(line);
                }
            }
            lines.extend(rounds.into_values().map(medians));
        }
        Ok(lines)
    }

    async fn measure_once(
        self,
        program: &Program,
        variant: &Variant,
        effort: Effort,
    ) -> Result<Line> {
        let backend = free_address()?;
        let _sink = Sink::start(&backend).await?;
        let subject = program.start(variant.task, &backend).await?;
        let load = |seconds| load::Options {
            address: subject.address.clone(),
            protocol: variant.task.protocol,
            kind: variant.task.kind,
            items: variant.items,
            connections: variant.connections,
            seconds,
            rate: None,
            accepted: None,
            first: 0,
        };
        let idle = self == Self::Idle;
        let (report, cpu) = if idle {
            sleep(Duration::from_secs(10)).await;
            (load::Report::default(), 0.0)
        } else {
            load::run(load(1.0)).await?;
            let before = measure::cpu_seconds(subject.id())?;
            let report = load::run(load(effort.seconds)).await?;
            // What was accepted last is still on its way.
            sleep(Duration::from_millis(500)).await;
            (report, measure::cpu_seconds(subject.id())? - before)
        };
        let memory = measure::memory(subject.id())?;
        let millions = report.accepted_items as f64 / 1e6;
        Ok(Line {
            scenario: self,
            variant: variant.name.clone(),
            program: program.name(),
            cpu_seconds_per_million_items: if idle { 0.0 } else { cpu / millions },
            resident_peak_kib: if idle { memory.now } else { memory.peak } as f64,
            ready_after_ms: subject.ready_after.as_secs_f64() * 1e3,
            items_per_second: report.accepted_items as f64 / report.seconds.max(1e-9),
            p99_ms: report.p99_us as f64 / 1e3,
            refused_requests: report.failures.values().sum::<u64>() as f64,
        })
    }
}

/// The sink as a process of its own, so that its cost is nobody else's.
struct Sink(Child);

impl Sink {
    /// Starts it and waits until it listens.
    async fn start(address: &str) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["sink", "--address", address]).stdin(Stdio::null());
        let mut sink = Self(command.spawn().context("cannot start the sink")?);
        while tokio::net::TcpStream::connect(address).await.is_err() {
            anyhow::ensure!(sink.0.try_wait()?.is_none(), "the sink has ended");
            sleep(Duration::from_millis(1)).await;
        }
        Ok(sink)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Says what is going on, on standard error.
fn note(text: &str) {
    // Nobody may be listening.
    drop(writeln!(std::io::stderr(), "measuring: {text}"));
}

fn medians(lines: Vec<Line>) -> Line {
    let of = |value: fn(&Line) -> f64| {
        let mut values: Vec<f64> = lines.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let first = &lines[0];
    Line {
        scenario: first.scenario,
        variant: first.variant.clone(),
        program: first.program,
        cpu_seconds_per_million_items: of(|line| line.cpu_seconds_per_million_items),
        resident_peak_kib: of(|line| line.resident_peak_kib),
        ready_after_ms: of(|line| line.ready_after_ms),
        items_per_second: of(|line| line.items_per_second),
        p99_ms: of(|line| line.p99_ms),
        refused_requests: of(|line| line.refused_requests),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_taken_of_each_number_by_itself() {
        let line = |cpu, p99_ms| Line {
            scenario: Scenario::Http,
            variant: String::new(),
            program: "x",
            cpu_seconds_per_million_items: cpu,
            resident_peak_kib: 0.0,
            ready_after_ms: 0.0,
            items_per_second: 0.0,
            p99_ms,
            refused_requests: 0.0,
        };
        let median = medians(vec![line(3.0, 1.0), line(1.0, 9.0), line(2.0, 5.0)]);
        assert_eq!((median.cpu_seconds_per_million_items, median.p99_ms), (2.0, 5.0));
    }
}
