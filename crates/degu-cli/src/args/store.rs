//! Arguments of the commands that look at runs and at the store.

use std::path::PathBuf;

use clap::Args;

/// `degu-lab status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Name of a study, or its folder; all of them without one.
    pub(crate) study: Option<String>,
    /// Folder of the runs.
    #[arg(long, default_value = "runs")]
    pub(crate) runs: PathBuf,
}

/// `degu-lab ls`.
#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    /// Folder of the store.
    #[arg(long, default_value = "store")]
    pub(crate) store: PathBuf,
    /// Only artifacts that this study computed.
    #[arg(long)]
    pub(crate) study: Option<String>,
    /// Only this stage, as in `train`.
    #[arg(long)]
    pub(crate) stage: Option<String>,
}

/// `degu-lab show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// First digits of a key (four at least), or the name of a task, of which the newest result is
    /// meant.
    pub(crate) key: String,
    /// Folder of the store.
    #[arg(long, default_value = "store")]
    pub(crate) store: PathBuf,
}

/// `degu-lab gc`.
#[derive(Debug, Args)]
pub(crate) struct GcArgs {
    /// Folder of the store.
    #[arg(long, default_value = "store")]
    pub(crate) store: PathBuf,
    /// Folders of runs whose plans say what is needed; may be given several times.
    #[arg(long, default_value = "runs")]
    pub(crate) runs: Vec<PathBuf>,
    /// Remove, instead of saying what would be removed.
    #[arg(long)]
    pub(crate) delete: bool,
}

/// `degu-lab verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Folder of the store.
    #[arg(long, default_value = "store")]
    pub(crate) store: PathBuf,
    /// Read all manifests again and write the index anew.
    #[arg(long)]
    pub(crate) rebuild_index: bool,
}
