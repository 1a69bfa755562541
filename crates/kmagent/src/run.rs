//! The agent as this program runs it: settings in, exit code out.

use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use agent_core::{
    Agent, BuildInfo, Builder, CancellationToken, Configuration, Controller, Identity,
};
use anyhow::Context;
use component::MemoryAccount;
use config::paths;
use config::settings::{AgentSettings, Resolved};
use self_telemetry::{Factory, Log};
use service_layer::{Host, Notify, Request, Requests};
use tokio::runtime::{Handle, Runtime};
use tokio::task::JoinSet;
use tokio::time;
use tracing::{error, info, warn};
use updater::{HttpConfigCheck, Schedule};

use crate::cli::Sources;
use crate::logging::{self, Destination};
use crate::{SERVICE, components, configuration};

/// The upstream release whose configuration we speak, as the Go agent names it to the update API.
const COLLECTOR_VERSION: &str = "v0.143.0";
/// More threads make a small host no faster, and each costs memory.
const MOST_THREADS: usize = 4;
const FEWEST_THREADS: usize = 2;
/// How long after a start or a change everything runs as it will go on.
const SETTLED: Duration = Duration::from_secs(1);
/// How long threads that a component has blocked may hold up the end of the process.
const BLOCKED_THREADS: Duration = Duration::from_secs(1);

/// Runs the agent under whoever started this process, until it is told to stop.
pub(crate) fn run(
    resolved: Resolved,
    sources: Sources,
    build: BuildInfo,
) -> anyhow::Result<ExitCode> {
    let program = move |host: Host| {
        let folder = paths::log_folder();
        let to_file = host.supervisor.is_service_manager() && !resolved.settings.docker_mode;
        let destination =
            if to_file { Destination::Service(&folder) } else { Destination::Console };
        let log = logging::init(resolved.settings.log_level, destination);
        match serve(host, resolved, sources, build, log) {
            Ok(()) => 0,
            Err(error) => {
                error!(error = format!("{error:#}"), "the agent ends");
                1
            }
        }
    };
    Ok(service_layer::run(SERVICE, program)?)
}

fn serve(
    host: Host,
    resolved: Resolved,
    sources: Sources,
    build: BuildInfo,
    log: Log,
) -> anyhow::Result<()> {
    let Resolved { settings, warnings } = resolved;
    for warning in warnings.iter() {
        warn!("{warning}");
    }
    let configuration = configuration(&settings, sources);
    let config = configuration.path().map(|path| path.display().to_string());
    info!(version = %build.version, config, "kmagent starts");
    let (own, workers) = (own_runtime()?, workers()?);
    let agent = agent(&settings, configuration, build, log, workers.handle().clone())?;
    let outcome = own.block_on(live(agent, host));
    // A source on another host that has not answered yet.
    own.shutdown_timeout(BLOCKED_THREADS);
    workers.shutdown_timeout(BLOCKED_THREADS);
    outcome
}

/// The supervisor, the update checks and the watchdog run on the main thread, so that no component can hold them up.
fn own_runtime() -> anyhow::Result<Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start the supervisor")
}

/// As many threads as the cgroup's CPU quota is good for, within reason; never one alone, which a single component could
/// block.
fn workers() -> anyhow::Result<Runtime> {
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cpus.clamp(FEWEST_THREADS, MOST_THREADS))
        .thread_name(SERVICE)
        .enable_all()
        .build()
        .context("cannot start threads")
}

fn agent(
    settings: &AgentSettings,
    configuration: Configuration,
    build: BuildInfo,
    log: Log,
    workers: Handle,
) -> anyhow::Result<Agent> {
    let identity = Identity {
        is_docker: settings.docker_mode,
        hostname: gethostname::gethostname().to_string_lossy().into_owned(),
        agent_version: build.version.to_string(),
        collector_version: COLLECTOR_VERSION.to_owned(),
    };
    let keeps_pushed = configuration.path().is_some();
    let builder = Agent::builder()
        .registry(components::registry().telemetry(Factory::new().with_log(log)))
        .configuration(configuration)
        .allow_insecure_endpoint(settings.allow_insecure_endpoint)
        .workers(workers)
        .build_info(build);
    if !keeps_pushed {
        info!("configuration checks are off: no --config names a file to keep pushed ones in");
        return Ok(builder.build()?);
    }
    Ok(with_updates(builder, settings, identity)?.build()?)
}

/// Checks for new configuration need a key, unless somebody named an endpoint that may not.
fn with_updates(
    builder: Builder,
    settings: &AgentSettings,
    identity: Identity,
) -> anyhow::Result<Builder> {
    let Some(interval) = settings.config_check_interval else {
        info!("configuration checks are off: config-check-interval is zero or less");
        return Ok(builder);
    };
    if settings.api_key.is_none() && !settings.update_endpoint_is_explicit {
        info!("configuration checks are off: there is no API key, set KM_API_KEY");
        return Ok(builder);
    }
    let source = HttpConfigCheck::new(settings.update_endpoint.clone(), settings.api_key.clone())?;
    let schedule = Schedule::new(interval, &identity.hostname);
    Ok(builder.identity(identity).updates(Arc::new(source), schedule))
}

/// Runs the agent and passes on what the host asks for.
async fn live(agent: Agent, host: Host) -> anyhow::Result<()> {
    let Host { requests, notify, .. } = host;
    let shutdown = CancellationToken::new();
    let controller = agent.controller();
    let told_to_stop = shutdown.clone();
    let listen = async {
        obey(requests, &controller, &notify).await;
        notify.stopping();
        told_to_stop.cancel();
    };
    let run = agent.run(shutdown);
    let trimmed = keep_trimmed(agent.process().memory());
    tokio::pin!(listen, run, trimmed);
    tokio::select! {
        never = trimmed => match never {},
        () = &mut listen => Ok(run.await?),
        ended = &mut run => Ok(ended?),
    }
}

/// Gives memory back to the operating system when much of it has become free. Never ends.
async fn keep_trimmed(account: Arc<MemoryAccount>) -> Infallible {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    crate::allocator::keep_trimmed(account).await;
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    drop(account);
    std::future::pending().await
}

/// Gives back what only a start or a change has needed, when it is over.
async fn settle() {
    time::sleep(SETTLED).await;
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    crate::resident::release_start_up_pages();
}

/// Serves the host until it wants the program to stop.
async fn obey(mut requests: Requests, controller: &Controller, notify: &Notify) {
    let mut reloads = JoinSet::new();
    let booted = async {
        let mut status = controller.status();
        // An error means that the agent has ended, and then there is nothing to report.
        if status.wait_for(|status| !status.is_starting()).await.is_ok() {
            notify.ready();
            settle().await;
        }
        std::future::pending::<()>().await;
    };
    let alive = async {
        let Some(patience) = notify.watchdog() else { return std::future::pending().await };
        let mut ticks = time::interval(patience / 2);
        loop {
            ticks.tick().await;
            notify.alive();
        }
    };
    tokio::pin!(booted, alive);
    loop {
        tokio::select! {
            request = requests.next() => match request {
                Request::Stop => return,
                Request::Reload => {
                    let (controller, notify) = (controller.clone(), notify.clone());
                    reloads.spawn(async move {
                        notify.reloading();
                        controller.reload().await;
                        notify.ready();
                        settle().await;
                    });
                }
            },
            Some(_) = reloads.join_next() => {}
            () = &mut booted => {}
            () = &mut alive => {}
        }
    }
}
