//! Arguments of the commands on runs and on the store.

use std::path::PathBuf;

use clap::Args;

/// `degu-lab status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Name of a study, or its folder; without it, all studies are listed.
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
    /// Only artifacts computed by this study.
    #[arg(long)]
    pub(crate) study: Option<String>,
    /// Only this stage, as in `train`.
    #[arg(long)]
    pub(crate) stage: Option<String>,
}

/// `degu-lab show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// First digits of a key (at least four), or the name of a task for its newest result.
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
    /// Folders of runs whose plans name the needed artifacts; may be given several times.
    #[arg(long, default_value = "runs")]
    pub(crate) runs: Vec<PathBuf>,
    /// Remove the artifacts; without it, they are only counted.
    #[arg(long)]
    pub(crate) delete: bool,
}

/// `degu-lab verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Folder of the store.
    #[arg(long, default_value = "store")]
    pub(crate) store: PathBuf,
    /// Rebuild the index from all manifests.
    #[arg(long)]
    pub(crate) rebuild_index: bool,
}
