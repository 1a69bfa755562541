//! A config-check API to try an agent on:
//!
//! ```text
//! cargo run -p kmagent-updater --example config_server -- DIR [--listen 127.0.0.1:8765]
//! ```
//!
//! It serves the newest YAML file of DIR as an update and prints what agents tell. A line `503` makes it answer with that status
//! from then on, a line `ok` serves files again; Ctrl-C ends it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program to watch by hand")]

mod server;

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use hyper::StatusCode;
use tokio::io::{AsyncBufReadExt, BufReader};

use server::{ConfigServer, Seen};

const USAGE: &str = "usage: config_server DIR [--listen ADDRESS:PORT]";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let (folder, listen) = arguments()?;
    let server = ConfigServer::start(listen, &folder).await?;
    println!("serving {} at http://{}/agents/config-check", folder.display(), server.address());

    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut reads = true;
    let mut count = 0;
    loop {
        tokio::select! {
            seen = server.request(count) => {
                count += 1;
                show(count, &seen);
            }
            line = lines.next_line(), if reads => match line? {
                Some(line) => obey(&server, line.trim()),
                None => reads = false,
            },
            interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
        }
    }
}

fn arguments() -> Result<(PathBuf, SocketAddr), Box<dyn Error>> {
    let mut folder = None;
    let mut listen = SocketAddr::from(([127, 0, 0, 1], 8765));
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--listen" => listen = arguments.next().ok_or(USAGE)?.parse()?,
            _ if folder.is_none() && !argument.starts_with('-') => folder = Some(argument.into()),
            _ => return Err(USAGE.into()),
        }
    }
    Ok((folder.ok_or(USAGE)?, listen))
}

fn obey(server: &ConfigServer, line: &str) {
    match line.parse::<u16>().ok().and_then(|code| StatusCode::from_u16(code).ok()) {
        Some(status) => {
            server.fail_with(Some(status));
            println!("answering {status}");
        }
        None if line == "ok" => {
            server.fail_with(None);
            println!("serving files");
        }
        None => println!("a status to answer with, or `ok`"),
    }
}

fn show(count: usize, seen: &Seen) {
    let key = seen.authorization.as_ref().map_or("no key", |_| "a key");
    let content_type = seen.content_type.as_deref().unwrap_or("no content type");
    println!("#{count} {} {}, {key}, {content_type}", seen.method, seen.path);
    for (field, value) in seen.body.as_object().into_iter().flatten() {
        println!("    {field}: {value}");
    }
    match &seen.given {
        Some(path) => println!("  {}, given {}", seen.status, path.display()),
        None => println!("  {}, no change", seen.status),
    }
}
