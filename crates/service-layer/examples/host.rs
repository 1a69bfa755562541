//! A program that does nothing, on this layer, to watch what the host asks of it:
//!
//! ```text
//! cargo run -p kmagent-service-layer --example host -- run       # then Ctrl-C, or signals
//! cargo run -p kmagent-service-layer --example host -- stop      # stops the service `kmagent`
//! ```
//!
//! Stopping takes a second. `HOST_EXIT_CODE` sets the exit code, `HOST_LOG` a file to tell into as well.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program to watch by hand")]

use std::error::Error;
use std::fs::OpenOptions;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use service_layer::{Host, Request};

const SERVICE: &str = "kmagent";

fn main() -> ExitCode {
    tracing_subscriber::fmt().init();
    let result = match std::env::args().nth(1).as_deref() {
        Some("run") => service_layer::run(SERVICE, program).map_err(Box::from),
        Some("stop") => service_layer::stop(SERVICE).map(|()| ExitCode::SUCCESS).map_err(Box::from),
        _ => Err("usage: host run|stop".into()),
    };
    result.unwrap_or_else(|error: Box<dyn Error>| {
        let mut cause = Some(error.as_ref());
        while let Some(error) = cause {
            eprintln!("{error}");
            cause = error.source();
        }
        ExitCode::FAILURE
    })
}

fn program(host: Host) -> u8 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime is to be had").block_on(serve(host));
    let code = std::env::var("HOST_EXIT_CODE").ok();
    code.and_then(|code| code.parse().ok()).unwrap_or(0)
}

async fn serve(host: Host) {
    let Host { supervisor, mut requests, notify } = host;
    tell(&format!("running: {supervisor:?}, watchdog {:?}", notify.watchdog()));
    notify.ready();
    notify.status("doing nothing");
    let beat = notify.watchdog().unwrap_or(Duration::from_secs(3600)) / 2;
    loop {
        tokio::select! {
            request = requests.next() => match request {
                Request::Reload => {
                    tell("reload");
                    notify.reloading();
                    notify.ready();
                }
                Request::Stop => break,
            },
            () = tokio::time::sleep(beat) => notify.alive(),
        }
    }
    tell("stopping");
    notify.stopping();
    tokio::time::sleep(Duration::from_secs(1)).await;
    tell("bye");
}

fn tell(text: &str) {
    println!("{text}");
    let Ok(path) = std::env::var("HOST_LOG") else { return };
    let file = OpenOptions::new().create(true).append(true).open(path);
    let written = file.and_then(|mut file| writeln!(file, "{text}"));
    if let Err(error) = written {
        eprintln!("{error}");
    }
}
