//! Measures the data path: the agent beside the floor and its peers. `docs/benchmarks.md` says how and what.

mod floor;
mod fuzz;
mod http;
mod load;
mod measure;
mod payload;
mod report;
mod scenario;
mod sink;
mod subject;

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::scenario::{Effort, Scenario};
use crate::subject::Program;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures programs against each other.
    Run(Run),
    /// Sends OTLP.
    Load(load::Options),
    /// Sends what no sane client sends.
    Fuzz(fuzz::Options),
    /// Takes OTLP.
    Sink(sink::Options),
    /// Forwards bytes, 16 requests as one.
    Floor(floor::Options),
}

#[derive(Args)]
struct Run {
    /// The agent that is measured.
    #[arg(long)]
    agent: PathBuf,
    /// A program to measure it against, as otelcol=PATH or rotel=PATH. Those on PATH are found by themselves.
    #[arg(long = "peer", value_parser = Program::peer)]
    peers: Vec<Program>,
    /// What to measure; everything, unless named.
    #[arg(value_enum)]
    scenarios: Vec<Scenario>,
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long the load lasts in each round, after a second that does not count.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Where the result goes as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match Cli::parse().command {
            Command::Run(run) => measure(run).await,
            Command::Load(options) => {
                let report = load::run(options).await?;
                print(&format!("{}\n", serde_json::to_string(&report)?))
            }
            Command::Fuzz(options) => {
                let report = fuzz::run(options).await?;
                print(&format!("{}\n", serde_json::to_string(&report)?))
            }
            Command::Sink(options) => sink::run(options).await,
            Command::Floor(options) => floor::run(options).await,
        }
    })
}

async fn measure(run: Run) -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("CPU time and memory are read as Linux counts them; run this on Linux");
    }
    let mut programs = vec![Program::Floor, Program::Kmagent(run.agent)];
    programs.extend(if run.peers.is_empty() { Program::on_path() } else { run.peers });
    let scenarios = match run.scenarios.is_empty() {
        true => Scenario::value_variants().to_vec(),
        false => run.scenarios,
    };
    let effort = Effort { rounds: run.rounds.max(1), seconds: run.seconds };
    let mut lines = Vec::new();
    for scenario in scenarios {
        lines.extend(scenario.measure(&programs, effort).await?);
    }
    print(&report::table(&lines))?;
    if let Some((lower, upper)) = report::slopes(&lines) {
        print(&format!(
            "growth: {lower:.3} CPU µs per item over the smaller requests, {upper:.3} over the larger ones\n"
        ))?;
    }
    let void = report::void(&lines);
    for reason in &void {
        print(&format!("{reason}\n"))?;
    }
    if let Some(path) = run.json {
        let result = serde_json::json!({"lines": lines, "void": void});
        std::fs::write(&path, serde_json::to_string_pretty(&result)?)
            .with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn print(text: &str) -> Result<()> {
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}
