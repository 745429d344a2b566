//! `cloudflare-calls-emulator`: the Calls API on this machine.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use clap::Parser;
use cloudflare_calls_emulator::rules::Config;
use cloudflare_calls_emulator::{App, Emulator};

/// The Cloudflare Calls (Realtime SFU) API on this machine, with real WebRTC.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Address of the API.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Port of the API; 0 for a free one.
    #[arg(long, default_value_t = 8787)]
    port: u16,
    /// Address of media, as agents reach it: the one of this machine on a LAN, for agents of other
    /// machines. A loopback address is for agents of this machine, which reach media at an address
    /// of an interface as well.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host_ip: IpAddr,
    /// UDP port of all media; 0 for a free one.
    #[arg(long, default_value_t = 0)]
    udp_port: u16,
    /// App and its secret; may be given several times. Without any, one is made up.
    #[arg(long = "app", value_name = "ID:SECRET")]
    apps: Vec<App>,
    /// TURN key and its API token; may be given several times.
    #[arg(long = "turn-key", value_name = "ID:TOKEN")]
    turn_keys: Vec<App>,
    /// Account and its API token, for the account API. Without it, one is made up.
    #[arg(long, value_name = "ID:TOKEN")]
    account: Option<App>,
    /// Times and limits that differ from the API's, as JSON: {"trackIdleMs": 500}.
    #[arg(long, value_name = "JSON")]
    config: Option<Config>,
    /// Logs as JSON, one object a line.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| "info,str0m=error".into());
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match options.json {
        true => logs.json().init(),
        false => logs.init(),
    }
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> std::io::Result<()> {
    let mut builder = Emulator::builder()
        .listen(SocketAddr::new(options.host, options.port))
        .media(SocketAddr::new(options.host_ip, options.udp_port))
        .config(options.config.unwrap_or_default());
    if let Some(account) = options.account {
        builder = builder.account(account);
    }
    for app in options.apps {
        builder = builder.app(app);
    }
    for key in options.turn_keys {
        builder = builder.turn_key(key);
    }
    let emulator = builder.start().await?;
    for app in emulator.apps() {
        println!("app {} secret {}", app.id(), app.expose_secret());
    }
    for key in emulator.turn_keys() {
        println!("turn key {} token {}", key.id(), key.expose_secret());
    }
    let account = emulator.account();
    println!("account {} token {}", account.id(), account.expose_secret());
    println!("account API on {}", emulator.account_url());
    for address in emulator.media_addresses() {
        println!("media on {address}");
    }
    println!("ready on {}", emulator.base_url());
    asked_to_stop().await?;
    emulator.shutdown().await;
    Ok(())
}

/// Returns on Ctrl-C, or on the signal of service managers.
async fn asked_to_stop() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
