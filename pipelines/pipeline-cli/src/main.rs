//! The binary `pipeline`: reads the command line, runs the command, reports its failure.

use clap::Parser;
use pipeline_cli::cli::Cli;
use pipeline_cli::{ExitCode, notes};
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    end_on_bugs();
    start_tracing(cli.global.verbose);
    cli.run().unwrap_or_else(|error| notes::report(&error)).into()
}

/// A panic anywhere is a bug of ours. The process ends with it: nothing half-broken goes on deciding.
fn end_on_bugs() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        print(panic);
        notes::note(
            "this is a bug; please report it with the lines above. What the log acknowledged is safe.",
        );
        std::process::exit(i32::from(ExitCode::Bug.number()));
    }));
}

/// Warnings of the libraries go to standard error; `-v` says more, RUST_LOG says exactly what. What the Kafka client
/// warns of while it connects stands in our own errors already, and so does what DynamoDB in this process answers.
fn start_tracing(verbose: u8) {
    let level = match verbose {
        0 => "warn,order_log::kafka=error,dynoxide=error",
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let colours = notes::colours();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_target(false)
        .init();
}
