//! Removing what no study needs: mark from the plans of all runs, sweep the store.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{
    plan::PlanFile,
    store::{Orphan, Store, StoreError, files, verify_orphans},
};

/// A sweep cannot tell what is needed, so nothing was removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GcError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A plan could not be read: what it needs is unknown.
    #[error("cannot read the plan `{}`, so nothing was removed: plan the study again or delete its folder", path.display())]
    Plan {
        /// The plan.
        path: PathBuf,
        /// Why not.
        source: serde_json::Error,
    },
}

/// What a sweep removed, or would remove.
#[derive(Clone, Debug, Default, Serialize)]
pub struct GcReport {
    /// True if it was removed; false for a dry run.
    pub deleted: bool,
    /// Plans that were marked from.
    pub plans: Vec<PathBuf>,
    /// Objects that some plan names.
    pub kept: usize,
    /// Size of these in bytes.
    pub kept_bytes: u64,
    /// Objects that no plan names: 16 digits and bytes.
    pub objects: Vec<(String, u64)>,
    /// Checkpoints that no plan names and nobody works on: 16 digits and bytes.
    pub partials: Vec<(String, u64)>,
    /// Leftovers of dead processes.
    pub orphans: Vec<Orphan>,
}

impl GcReport {
    /// Bytes removed, or that would be.
    pub fn bytes(&self) -> u64 {
        let named = self.objects.iter().chain(&self.partials);
        let orphans = self.orphans.iter().map(|orphan| orphan.bytes);
        named.map(|(_, bytes)| bytes).sum::<u64>() + orphans.sum::<u64>()
    }
}

/// Marks from `plan.json` in every folder of `runs` and sweeps the rest; a dry run unless `delete`.
///
/// `also` are keys to keep besides, for studies whose plan is being made or that live elsewhere.
/// Keys with a live lease are kept.
///
/// # Errors
///
/// [`GcError::Plan`] for a plan that cannot be read: guessing would delete somebody's results.
pub fn gc(
    store: &Store,
    runs: &[PathBuf],
    also: &BTreeSet<String>,
    delete: bool,
) -> Result<GcReport, GcError> {
    let mut report = GcReport {
        deleted: delete,
        ..GcReport::default()
    };
    let mut needed = also.clone();
    for folder in runs {
        for name in files::list(folder)? {
            mark(
                &folder.join(name).join("plan.json"),
                &mut needed,
                &mut report,
            )?;
        }
    }
    needed.extend(store.live_leases()?.into_keys());
    let objects = store.root().join("objects");
    let place = |name: &str| objects.join(name.get(..2).unwrap_or(name)).join(name);
    for name in store.published()? {
        let bytes = files::size(&place(&name));
        if needed.contains(&name) {
            report.kept += 1;
            report.kept_bytes += bytes;
        } else {
            report.objects.push((name, bytes));
        }
    }
    report.orphans = verify_orphans(store)?;
    let partial = store.root().join("partial");
    for name in store.partials()? {
        let orphan = report.orphans.iter().any(|o| o.path == partial.join(&name));
        if !needed.contains(&name) && !orphan {
            let bytes = files::size(&partial.join(&name));
            report.partials.push((name, bytes));
        }
    }
    if delete {
        for (name, _) in &report.objects {
            remove_object(store, &place(name))?;
        }
        for (name, _) in &report.partials {
            files::remove_tree(&partial.join(name))?;
        }
        for orphan in &report.orphans {
            files::remove_tree(&orphan.path)?;
        }
    }
    Ok(report)
}

fn mark(path: &Path, needed: &mut BTreeSet<String>, report: &mut GcReport) -> Result<(), GcError> {
    let Some(bytes) = files::read_optional(path)? else {
        return Ok(());
    };
    let plan: PlanFile = serde_json::from_slice(&bytes).map_err(|source| GcError::Plan {
        path: path.to_path_buf(),
        source,
    })?;
    needed.extend(plan.tasks.iter().map(|task| task.key.short()));
    report.plans.push(path.to_path_buf());
    Ok(())
}

/// An object goes away whole: renamed out of its place first, so that no reader finds half of it.
fn remove_object(store: &Store, path: &Path) -> Result<(), StoreError> {
    let aside = store.aside(path);
    files::make_writable(path);
    match std::fs::rename(path, &aside) {
        Ok(()) => files::remove_tree(&aside),
        Err(_) => files::remove_tree(path),
    }
}
