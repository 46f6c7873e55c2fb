//! Commands, progress, diagnostics and exit codes.
//!
//! *For*: everything between the shell and the libraries: arguments, text and JSON output, colours,
//! logging to stderr, the one place where an error becomes an exit code. *Not for*: work. A command
//! reads its arguments, calls a library and prints what comes back.
//!
//! A binary is one line that names the crates whose plugins it wants, the built-in bundle and its
//! own:
//!
//! ```ignore
//! #![cfg_attr(not(test), deny(unused_crate_dependencies))]
//! degu_cli::main!(degu_plugins, my_architecture);
//! ```
//!
//! | module | what |
//! |---|---|
//! | `args` | the tree of commands |
//! | [`commands`] | one file a command |
//! | [`error`], [`exit`] | what can go wrong, and the exit code of each |
//! | `output` | tables as text or JSON |
//! | `progress` | study events as bars, lines or JSON |

mod args;
pub mod commands;
pub mod error;
pub mod exit;
mod output;
mod progress;

use std::{
    any::Any,
    ffi::OsString,
    io::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
};

use clap::Parser;
use tracing_subscriber::filter::LevelFilter;

pub use error::{CliError, Result};

use args::{Cli, Command, Format};
use output::Output;

/// A run starts threads for each task. The allocator of the C library keeps the memory that each
/// thread frees: almost 1 GB after a study of five members and two students.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The whole `main.rs` of a binary: links the crates whose plugins it wants, and runs the command
/// line.
#[macro_export]
macro_rules! main {
    ($($plugins:ident),* $(,)?) => {
        $(use $plugins as _;)*

        fn main() -> ::std::process::ExitCode {
            $crate::run()
        }
    };
}

/// Parses the arguments of the process, runs the command and returns its exit code.
pub fn run() -> ExitCode {
    ExitCode::from(run_with(std::env::args_os()))
}

/// Runs one command line, whose first word is the name of the program, and returns its exit code.
///
/// For programs and tests with plugins of their own: what is linked into the caller is what the
/// command finds.
pub fn run_with<I, T>(arguments: I) -> u8
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout with code 0, everything else to stderr with code 2.
            let code = error.exit_code();
            return match error.print() {
                Ok(()) => u8::try_from(code).unwrap_or(exit::USAGE),
                Err(_) => exit::USAGE,
            };
        }
    };
    log_to_stderr(cli.global.verbose);
    let mut output = Output::stdout(cli.global.format);
    let outcome = catch_unwind(AssertUnwindSafe(|| dispatch(&cli.command, &mut output)));
    match outcome {
        Ok(Ok(())) => exit::OK,
        // A reader that closes the pipe (`| head`) is no failure.
        Ok(Err(error)) if error.is_broken_pipe() => exit::OK,
        Ok(Err(error)) => {
            let code = error.exit_code();
            report(&error.render(output::colours(&io::stderr())));
            match output.failure(&error) {
                Ok(()) => code,
                Err(closed) if closed.is_broken_pipe() => code,
                Err(unwritable) => {
                    report(&unwritable.render(false));
                    code
                }
            }
        }
        Err(panic) => {
            report(&bug(panic.as_ref()));
            exit::BUG
        }
    }
}

fn dispatch(command: &Command, output: &mut Output) -> Result<()> {
    degu_core::registry::validate()?;
    let graph = matches!(output.format(), Format::Dot | Format::Mermaid);
    let plans = matches!(command, Command::Plan(_))
        || matches!(command, Command::Run(args) if args.dry_run);
    if graph && !plans {
        return Err(CliError::Usage {
            command: "plan",
            problem: "`--format dot` and `--format mermaid` are forms of a plan".to_owned(),
        });
    }
    match command {
        Command::Run(args) => commands::run::run(args, output),
        Command::Plan(args) => commands::plan::run(args, output),
        Command::Resume(args) => commands::run::resume(args, output),
        Command::Report(args) => commands::run::report(args, output),
        Command::Why(args) => commands::plan::explain(args, output),
        Command::Predict(args) => commands::predict::run(args, output),
        Command::Attribute(args) => commands::attribute::run(args, output),
        Command::Variants(args) => commands::variants::run(args, output),
        Command::Marginalize(args) => commands::marginalize::run(args, output),
        Command::Ablate(args) => commands::ablate::run(args, output),
        Command::Import { command } => commands::import::run(command, output),
        Command::Data { command } => commands::data::run(command, output),
        Command::Config { command } => commands::config::run(command, output),
        Command::Schema => commands::schema::run(output),
        Command::Status(args) => commands::status::run(args, output),
        Command::Ls(args) => commands::store::ls(args, output),
        Command::Show(args) => commands::store::show(args, output),
        Command::Gc(args) => commands::store::gc(args, output),
        Command::Verify(args) => commands::store::verify(args, output),
        Command::Doctor { store } => commands::doctor::run(store, output),
        Command::Plugins { command } => commands::plugins::run(command, output),
        Command::Help { topic } => commands::help::run(topic, output),
    }
}

/// Diagnostics go to stderr; results never travel through logs.
fn log_to_stderr(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let subscriber = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(output::colours(&io::stderr()))
        .with_max_level(level)
        .without_time()
        .with_target(verbose > 1);
    // Fails only if a subscriber is set already, as when several command lines run in one test
    // process.
    let _already_set = subscriber.try_init();
}

/// Writes a message to stderr; a failure to write is ignored.
fn report(text: &str) {
    let _closed = writeln!(io::stderr(), "{text}");
}

fn bug(panic: &(dyn Any + Send)) -> String {
    let message = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    format!(
        "error: this is a bug in degu-lab {}: {message}\n  please report it with the command, the experiment file and the lines above",
        env!("CARGO_PKG_VERSION")
    )
}
