//! The exit code of each error.

use degu_apply::ApplyError;
use degu_genome::GenomeError;
use degu_train::TrainError;
use degu_workflow::journal::JournalError;
use degu_workflow::why::WhyError;

use crate::CliError;

pub use degu_workflow::exit::ExitCode as Codes;

/// Success.
pub const OK: u8 = Codes::OK;
/// The command line was not understood.
pub const USAGE: u8 = Codes::USAGE;
/// A broken invariant.
pub const BUG: u8 = Codes::BUG;

/// The exit code of an error of the command line.
pub fn code(error: &CliError) -> u8 {
    match error {
        CliError::Core(e) => core(e),
        CliError::Train(e) => train(e),
        CliError::Genome(e) => genome(e),
        CliError::Usage { .. } | CliError::UnknownTopic { .. } => Codes::USAGE,
        CliError::UnknownPlugin { .. }
        | CliError::AmbiguousPlugin { .. }
        | CliError::Setting { .. }
        | CliError::Template { .. }
        | CliError::ModuleDoc { .. } => Codes::CONFIGURATION,
        CliError::Configuration(_) => Codes::CONFIGURATION,
        CliError::Store(_) | CliError::Gc(_) => Codes::STORE,
        CliError::Journal(e) => journal(e),
        CliError::Run(e) => e.exit_code(),
        CliError::Why(WhyError::Store(_)) => Codes::STORE,
        CliError::Why(_) => Codes::CONFIGURATION,
        CliError::Fetch(_) => Codes::DATA,
        CliError::Outcome { code, .. } => *code,
        CliError::ContractFailed { .. } | CliError::Stale { .. } => Codes::STAGE,
        CliError::Apply(e) => apply(e),
        CliError::Model { .. } | CliError::Io(_) => Codes::DATA,
        CliError::Json(_) => Codes::BUG,
    }
}

fn apply(error: &ApplyError) -> u8 {
    match error {
        ApplyError::Train(e) => train(e),
        ApplyError::Genome(e) => genome(e),
        ApplyError::Argument { .. } => Codes::USAGE,
        ApplyError::Interrupted { .. } => Codes::INTERRUPTED,
        ApplyError::Import(_) => Codes::CONFIGURATION,
        ApplyError::Incomplete { .. } => Codes::STAGE,
        ApplyError::Json(_) => Codes::BUG,
        _ => Codes::DATA,
    }
}

fn core(error: &degu_core::Error) -> u8 {
    use degu_core::Error as E;
    match error {
        E::Config(_)
        | E::Parameters { .. }
        | E::UnknownPlugin { .. }
        | E::DuplicatePlugin { .. }
        | E::ReservedParameter { .. }
        | E::PluginName { .. }
        | E::Missing { .. }
        | E::Layer { .. }
        | E::Unsupported { .. } => Codes::CONFIGURATION,
        E::Data { .. }
        | E::Io(_)
        | E::State { .. }
        | E::Plugin {
            slot: degu_core::Slot::Dataset,
            ..
        } => Codes::DATA,
        E::Shape { .. } => Codes::BUG,
        _ => Codes::STAGE,
    }
}

fn train(error: &TrainError) -> u8 {
    match error {
        TrainError::Core(e) => core(e),
        TrainError::Diverged { .. } => Codes::DIVERGED,
        TrainError::EmptySplit { .. }
        | TrainError::File { .. }
        | TrainError::Io(_)
        | TrainError::Json { .. } => Codes::DATA,
        TrainError::Interrupted { .. } => Codes::INTERRUPTED,
        TrainError::Device { .. } => Codes::EXECUTOR,
        _ => Codes::STAGE,
    }
}

fn genome(error: &GenomeError) -> u8 {
    match error {
        GenomeError::Argument { .. } => Codes::CONFIGURATION,
        _ => Codes::DATA,
    }
}

fn journal(error: &JournalError) -> u8 {
    match error {
        JournalError::Locked { .. } => Codes::LOCKED,
        _ => Codes::STORE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_keep_their_class_through_layers() {
        let unreadable = degu_core::Error::Plugin {
            slot: degu_core::Slot::Dataset,
            name: "table",
            source: "t.tsv:3: expected 4 fields, found 3".into(),
        };
        assert_eq!(code(&CliError::Core(unreadable)), Codes::DATA);
        let missing = || degu_core::Error::Io(std::io::Error::other("gone"));
        assert_eq!(code(&CliError::Core(missing())), Codes::DATA);
        assert_eq!(
            code(&CliError::Train(TrainError::Core(missing()))),
            Codes::DATA
        );
        let applied = ApplyError::from(TrainError::Core(missing()));
        assert_eq!(code(&CliError::from(applied)), Codes::DATA);
        let device = TrainError::Device {
            device: "cuda:0".to_owned(),
            problem: "there is none".to_owned(),
        };
        assert_eq!(code(&CliError::Train(device)), Codes::EXECUTOR);
        let unknown = CliError::UnknownPlugin {
            name: "x".to_owned(),
            nearest: None,
        };
        assert_eq!(code(&unknown), Codes::CONFIGURATION);
    }
}
