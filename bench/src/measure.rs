//! What a process takes, as Linux counts it.

use std::fs;

use anyhow::{Context, Result, bail};

/// `USER_HZ`, which is this on x86-64 and ARM.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU seconds of a process and all its threads, in user and kernel mode, since its start.
pub(crate) fn cpu_seconds(process: u32) -> Result<f64> {
    let stat = read(process, "stat")?;
    // The name may hold anything, even brackets: fields are counted from the last one on.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).and_then(|field| field.parse::<f64>().ok());
    match (ticks(11), ticks(12)) {
        (Some(user), Some(system)) => Ok((user + system) / TICKS_PER_SECOND),
        _ => bail!("cannot read the CPU time of process {process}"),
    }
}

/// Resident memory in KiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) now: u64,
    pub(crate) peak: u64,
}

pub(crate) fn memory(process: u32) -> Result<Memory> {
    let status = read(process, "status")?;
    let value = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    match (value("VmRSS:"), value("VmHWM:")) {
        (Some(now), Some(peak)) => Ok(Memory { now, peak }),
        _ => bail!("cannot read the memory of process {process}"),
    }
}

fn read(process: u32, file: &str) -> Result<String> {
    let path = format!("/proc/{process}/{file}");
    fs::read_to_string(&path).with_context(|| format!("{path}: only Linux tells"))
}
