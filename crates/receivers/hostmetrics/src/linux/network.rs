//! Scraper `network`.

use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use component::StartError;
use scraper::{Record, Scraper, Table};

use super::host::{Host, HostFile, ReadError};
use super::number::{int, numbers};
use crate::config::NetworkConfig;
use crate::filter::{Filter, InvalidFilter};
use crate::tables::network;

/// How many metrics are missing when interfaces can't be read, or connections, or the table of tracked connections.
const INTERFACE_METRICS: usize = 4;
const CONNECTION_METRICS: usize = 1;
const CONNTRACK_METRICS: usize = 1;

/// The states of connections by the kernel's number, from 1.
const STATES: [&str; 11] = [
    "ESTABLISHED",
    "SYN_SENT",
    "SYN_RECV",
    "FIN_WAIT1",
    "FIN_WAIT2",
    "TIME_WAIT",
    "CLOSE",
    "CLOSE_WAIT",
    "LAST_ACK",
    "LISTEN",
    "CLOSING",
];

/// The states that are always reported. Three of them, as upstream, are not among those that the kernel has.
const REPORTED: [&str; 12] = [
    "CLOSE_WAIT",
    "CLOSE",
    "CLOSING",
    "DELETE",
    "ESTABLISHED",
    "FIN_WAIT_1",
    "FIN_WAIT_2",
    "LAST_ACK",
    "LISTEN",
    "SYN_SENT",
    "SYN_RECV",
    "TIME_WAIT",
];

/// Measures interfaces and TCP connections.
pub(super) struct NetworkScraper {
    host: Host,
    dev: HostFile,
    interfaces: Filter,
}

/// What an interface did since it is there.
#[derive(Debug, PartialEq)]
struct Interface<'a> {
    name: &'a str,
    received: Traffic,
    transmitted: Traffic,
}

#[derive(Debug, PartialEq)]
struct Traffic {
    bytes: u64,
    packets: u64,
    errors: u64,
    dropped: u64,
}

impl NetworkScraper {
    pub(super) fn new(host: &Host, config: &NetworkConfig) -> Result<Self, InvalidFilter> {
        Ok(Self {
            host: host.clone(),
            dev: HostFile::new(host.proc.join("net/dev")),
            interfaces: Filter {
                include: config.include.matcher()?,
                exclude: config.exclude.matcher()?,
            },
        })
    }

    fn measure_interfaces(&mut self, record: &mut Record) -> Result<(), ReadError> {
        let text = self.dev.read()?;
        let interfaces = text.lines().skip(2).filter_map(parse_interface);
        for interface in interfaces.filter(|interface| self.interfaces.passes(interface.name)) {
            let directions =
                [("transmit", &interface.transmitted), ("receive", &interface.received)];
            for (direction, traffic) in directions {
                let attributes = [("device", interface.name), ("direction", direction)];
                record.add(&network::IO, int(traffic.bytes), &attributes);
                record.add(&network::PACKETS, int(traffic.packets), &attributes);
                record.add(&network::DROPPED, int(traffic.dropped), &attributes);
                record.add(&network::ERRORS, int(traffic.errors), &attributes);
            }
        }
        Ok(())
    }

    fn measure_connections(&self, record: &mut Record) -> Result<(), ReadError> {
        let counts = self.count_connections()?;
        let count = |state| STATES.iter().position(|known| *known == state).map(|at| counts[at]);
        let reported = REPORTED.map(|state| (state, count(state).unwrap_or_default()));
        let others = STATES.into_iter().zip(counts);
        let others = others.filter(|(state, count)| *count > 0 && !REPORTED.contains(state));
        for (state, count) in reported.into_iter().chain(others) {
            let attributes = [("protocol", "tcp"), ("state", state)];
            record.add(&network::CONNECTIONS, int(count), &attributes);
        }
        Ok(())
    }

    /// Connections by state. The tables may be large, so that their buffers don't stay.
    fn count_connections(&self) -> Result<[u64; STATES.len()], ReadError> {
        let net = self.host.proc.join("net");
        let mut tcp = HostFile::new(net.join("tcp"));
        let tcp = tcp.read()?;
        let mut tcp6 = HostFile::new(net.join("tcp6"));
        let tcp6 = match tcp6.read() {
            Err(error) if error.is_not_found() => "".into(),
            read => read?,
        };
        Ok(count_states(tcp.lines().skip(1).chain(tcp6.lines().skip(1))))
    }

    fn measure_conntrack(&self, record: &mut Record) -> io::Result<()> {
        if !record.wants(&network::CONNTRACK_COUNT) && !record.wants(&network::CONNTRACK_MAX) {
            return Ok(());
        }
        let net = self.host.proc.join("sys/net");
        let count = read_first(
            &net,
            ["netfilter/nf_conntrack_count", "ipv4/netfilter/ip_conntrack_count"],
        )?;
        let max =
            read_first(&net, ["netfilter/nf_conntrack_max", "ipv4/netfilter/ip_conntrack_max"])?;
        record.add(&network::CONNTRACK_COUNT, int(count), &[]);
        record.add(&network::CONNTRACK_MAX, int(max), &[]);
        Ok(())
    }
}

impl Scraper for NetworkScraper {
    fn table(&self) -> &'static Table {
        &network::TABLE
    }

    fn start(&mut self) -> Result<SystemTime, StartError> {
        self.host.boot_time()
    }

    fn scrape(&mut self, record: &mut Record) {
        if let Err(error) = self.measure_interfaces(record) {
            record.fail(INTERFACE_METRICS, format!("failed to read network IO stats: {error}"));
        }
        record.stamp();
        if record.wants(&network::CONNECTIONS)
            && let Err(error) = self.measure_connections(record)
        {
            record.fail(CONNECTION_METRICS, format!("failed to read TCP connections: {error}"));
        }
        record.stamp();
        if let Err(error) = self.measure_conntrack(record) {
            record.fail(CONNTRACK_METRICS, format!("failed to read conntrack info: {error}"));
        }
    }
}

/// A line of `/proc/net/dev`. A name may have a colon in it.
fn parse_interface(line: &str) -> Option<Interface<'_>> {
    let (name, columns) = line.rsplit_once(':')?;
    let name = Some(name.trim()).filter(|name| !name.is_empty())?;
    let columns: [u64; 12] = numbers(columns.split_ascii_whitespace())?;
    let traffic = |first: usize| Traffic {
        bytes: columns[first],
        packets: columns[first + 1],
        errors: columns[first + 2],
        dropped: columns[first + 3],
    };
    Some(Interface { name, received: traffic(0), transmitted: traffic(8) })
}

/// Counts the rows of `/proc/net/tcp` and `tcp6` by state. Rows with the same addresses and state count once: sockets of
/// several processes that listen on one port.
fn count_states<'a>(rows: impl Iterator<Item = &'a str>) -> [u64; STATES.len()] {
    let mut connections: Vec<_> = rows.filter_map(parse_connection).collect();
    connections.sort_unstable();
    connections.dedup();
    let mut counts = [0; STATES.len()];
    for (state, _, _) in connections {
        counts[state] += 1;
    }
    counts
}

/// The place of a row's state, and its local and remote address. `None` for what isn't a connection.
fn parse_connection(row: &str) -> Option<(usize, &str, &str)> {
    let mut columns = row.split_ascii_whitespace().skip(1);
    let (local, remote) = (columns.next()?, columns.next()?);
    let number = usize::from_str_radix(columns.next()?, 16).ok()?;
    let state = number.checked_sub(1).filter(|state| *state < STATES.len())?;
    Some((state, without_mapping(local), without_mapping(remote)))
}

/// An IPv4 address of a socket for both families, as a socket for IPv4 would have it.
fn without_mapping(address: &str) -> &str {
    address.strip_prefix("0000000000000000FFFF0000").unwrap_or(address)
}

/// The number in the first of these files that is there.
fn read_first(folder: &Path, files: [&str; 2]) -> io::Result<u64> {
    let [file, older] = files.map(|file| folder.join(file));
    let path = if !file.exists() && older.exists() { older } else { file };
    let named = |error: io::Error| {
        io::Error::new(error.kind(), format!("cannot read {}: {error}", path.display()))
    };
    let text = fs::read_to_string(&path).map_err(named)?;
    text.trim().parse().map_err(|error| named(io::Error::other(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_columns_of_interfaces() {
        let line = "  eth0:1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16";
        let interface = parse_interface(line).unwrap();
        assert_eq!(interface.name, "eth0:1");
        assert_eq!(interface.received, Traffic { bytes: 1, packets: 2, errors: 3, dropped: 4 });
        assert_eq!(
            interface.transmitted,
            Traffic { bytes: 9, packets: 10, errors: 11, dropped: 12 }
        );
        assert!(parse_interface("lo:123 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18").is_some());
        for line in ["", "eth0 1 2", " : 1 2 3 4 5 6 7 8 9 10 11 12", "lo: 1 2 3", "lo: 1 x 3"] {
            assert_eq!(parse_interface(line), None, "{line}");
        }
    }

    #[test]
    fn the_same_connection_counts_once() {
        let counted = |rows: &[&str]| count_states(rows.iter().copied());
        let listen = STATES.iter().position(|state| *state == "LISTEN").unwrap();
        let listener = "   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:0 0 0 0 1";
        let other = "   1: 00000000:0051 00000000:0000 0A 00000000:00000000 00:0 0 0 0 2";
        assert_eq!(counted(&[listener, other, listener])[listen], 2);
        let mapped = "   0: 0000000000000000FFFF00000100007F:0050 0000000000000000FFFF00000200007F:1000 01 x";
        let plain = "   0: 0100007F:0050 0200007F:1000 01 x";
        assert_eq!(counted(&[mapped, plain])[0], 1);
    }

    #[test]
    fn rows_without_a_known_state_are_passed_over() {
        for row in ["", "0:", "0: a b", "0: a b zz", "0: a b 00", "0: a b 0C"] {
            assert_eq!(parse_connection(row), None, "{row}");
        }
    }
}
