//! Checking a whole store, and the file system under it.

use std::{fs, path::PathBuf, time::Duration};

use super::{
    Manifest, Result, Store, StoreError, artifact, clock,
    error::io,
    files,
    lease::{self, Holder},
    manifest,
};

/// Age from which something temporary of another host belongs to nobody.
const ABANDONED: Duration = Duration::from_hours(24);

/// What [`Store::verify`] found.
#[derive(Debug, Default)]
pub struct VerifyReport {
    /// Objects whose every byte was compared.
    pub objects: usize,
    /// Bytes compared.
    pub bytes: u64,
    /// One error for each damaged object.
    pub broken: Vec<StoreError>,
    /// What nobody owns.
    pub orphans: Vec<Orphan>,
}

/// Where an orphan lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OrphanPlace {
    /// An object that was never published, or was moved aside.
    Temporary,
    /// Checkpoints of a key that is published.
    Partial,
    /// A lease whose holder is gone.
    Lease,
}

/// Something in the store that nobody owns; `gc` removes it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Orphan {
    /// Where it lies.
    pub place: OrphanPlace,
    /// Its path.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
}

pub(super) fn verify(store: &Store) -> Result<VerifyReport> {
    let mut report = VerifyReport {
        orphans: orphans(store)?,
        ..VerifyReport::default()
    };
    for name in store.published()? {
        let folder = store.root().join("objects").join(&name[..2]).join(&name);
        let path = folder.join(manifest::FILE);
        let checked = Manifest::peek(&path).and_then(|manifest| {
            let manifest = Manifest::read(
                &manifest.key,
                &path,
                &fs::read(&path).map_err(io("read", &path))?,
            )?;
            for record in &manifest.files {
                artifact::check_content(&manifest.key, &folder, record)?;
            }
            Ok(manifest.bytes())
        });
        match checked {
            Ok(bytes) => {
                report.objects += 1;
                report.bytes += bytes;
            }
            Err(error) => report.broken.push(error),
        }
    }
    Ok(report)
}

/// Everything in `tmp/`, `partial/` and `leases/` that nobody owns.
pub(crate) fn orphans(store: &Store) -> Result<Vec<Orphan>> {
    let mut orphans = Vec::new();
    let mut add = |place, path: PathBuf| {
        let bytes = files::size(&path);
        orphans.push(Orphan { place, path, bytes });
    };
    let old = |path: &PathBuf| {
        let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
        modified.is_ok_and(|modified| clock::age(modified) > ABANDONED)
    };
    let temporary = store.root().join("tmp");
    for name in files::list(&temporary)? {
        let path = temporary.join(&name);
        if name.contains(".broken.") || Holder::temporary_is_dead(&name) || old(&path) {
            add(OrphanPlace::Temporary, path);
        }
    }
    let published = store.published()?;
    let live = store.live_leases()?;
    let partial = store.root().join("partial");
    for name in files::list(&partial)? {
        if published.contains(&name) && !live.contains_key(&name) {
            add(OrphanPlace::Partial, partial.join(name));
        }
    }
    let leases = store.root().join("leases");
    for name in files::list(&leases)? {
        let path = leases.join(&name);
        let gone = if name.starts_with('.') {
            name != ".takeover" && (Holder::temporary_is_dead(&name) || old(&path))
        } else {
            !live.contains_key(&name)
        };
        if gone {
            add(OrphanPlace::Lease, path);
        }
    }
    Ok(orphans)
}

pub(super) fn probe(store: &Store) -> Result<()> {
    let base = store.temporary("probe");
    let result = probe_in(store, &base);
    let _ = files::remove_tree(&base);
    result
}

fn probe_in(store: &Store, base: &std::path::Path) -> Result<()> {
    let fails = |what| StoreError::NotAtomic {
        path: store.root().to_path_buf(),
        what,
    };
    let (one, two) = (base.join("one"), base.join("two"));
    for folder in [&one, &two] {
        files::create_folder(folder)?;
        files::write_new(&folder.join("file"), b"probe")?;
    }
    if files::write_new(&one.join("file"), b"again").is_ok() {
        return Err(fails("exclusive creation of files"));
    }
    if fs::rename(&one, &two).is_ok() {
        return Err(fails("refusing to rename a folder over a full one"));
    }
    let three = base.join("three");
    fs::rename(&one, &three).map_err(|_| fails("renaming a folder"))?;
    files::sync_folder(base)?;
    let times = store.lease_times();
    let path = base.join("lease");
    let lease::Attempt::Acquired(held) = lease::acquire(&path, times)? else {
        return Err(fails("taking a lease"));
    };
    if matches!(lease::acquire(&path, times)?, lease::Attempt::Acquired(_)) {
        return Err(fails("exclusive leases"));
    }
    drop(held);
    Ok(())
}
