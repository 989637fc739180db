//! `pipeline completions`: a script that completes commands in a shell.

use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::ExitCode;
use crate::cli::Cli;
use crate::context::Context;

/// Arguments of `pipeline completions`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Runs `pipeline completions`.
pub fn run(_: &Context, args: Args) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "pipeline", &mut script);
    std::io::Write::write_all(&mut std::io::stdout().lock(), &script)?;
    Ok(ExitCode::Ok)
}
