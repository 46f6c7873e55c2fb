//! File operations that name their paths and reach the disk.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::{Result, StoreError, error::io as named, lease::Holder};

/// Reads a file; `None` if it is not there.
///
/// # Errors
///
/// [`StoreError`] with the path.
pub fn read_optional(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if absent(&e) => Ok(None),
        Err(e) => Err(named("read", path)(e)),
    }
}

fn absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Writes a new file and flushes it; a file that could not be written whole is removed.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(named("create", path))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(|e| {
        let _ = fs::remove_file(path);
        named("write", path)(e)
    })
}

/// Replaces a file: readers see the old content or the new, whole.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let parent = parent(path)?;
    create_folder(parent)?;
    let temporary = sibling(path);
    write_new(&temporary, bytes)?;
    if let Err(e) = fs::rename(&temporary, path) {
        let _ = fs::remove_file(&temporary);
        return Err(named("replace", path)(e));
    }
    sync_folder(parent)
}

/// A hidden name beside a file that no other writer uses.
pub(crate) fn sibling(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", Holder::ours().temporary_tag()))
}

pub(crate) fn parent(path: &Path) -> Result<&Path> {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Ok(Path::new(".")),
        Some(parent) => Ok(parent),
        None => Err(StoreError::NotAFolder {
            path: path.to_path_buf(),
        }),
    }
}

pub(crate) fn create_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(named("create", path))
}

/// Flushes a folder's entries to disk. File systems that cannot do this for folders say so and are
/// believed.
pub(crate) fn sync_folder(path: &Path) -> Result<()> {
    let folder = File::open(path).map_err(named("open", path))?;
    match folder.sync_all() {
        Err(e)
            if !matches!(
                e.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
            ) =>
        {
            Err(named("flush", path)(e))
        }
        _ => Ok(()),
    }
}

/// Names in a folder, sorted; none if there is no folder.
pub fn list(path: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(e) if absent(&e) => return Ok(Vec::new()),
        Err(e) => return Err(named("list", path)(e)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(named("list", path))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

/// Files below a folder with their names relative to it, sorted by name; folders in `folders`,
/// children first.
pub(crate) fn walk(root: &Path) -> Result<(Vec<(String, PathBuf)>, Vec<PathBuf>)> {
    fn visit(
        folder: &Path,
        prefix: &str,
        files: &mut Vec<(String, PathBuf)>,
        folders: &mut Vec<PathBuf>,
    ) -> Result<()> {
        for name in list(folder)? {
            let path = folder.join(&name);
            let relative = format!("{prefix}{name}");
            if path.is_dir() {
                visit(&path, &format!("{relative}/"), files, folders)?;
            } else {
                files.push((relative, path));
            }
        }
        folders.push(folder.to_path_buf());
        Ok(())
    }
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    visit(root, "", &mut files, &mut folders)?;
    files.sort();
    Ok((files, folders))
}

pub(crate) fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if !absent(&e) => Err(named("remove", path)(e)),
        _ => Ok(()),
    }
}

/// Removes a folder or file with everything in it, read-only or not.
pub(crate) fn remove_tree(path: &Path) -> Result<()> {
    if !path.is_dir() {
        return remove_file(path);
    }
    make_writable(path);
    match fs::remove_dir_all(path) {
        Err(e) if !absent(&e) => Err(named("remove", path)(e)),
        _ => Ok(()),
    }
}

/// Lets the owner change the folders below a path again; what cannot be changed shows up in the
/// next operation.
pub(crate) fn make_writable(path: &Path) {
    if let Ok((_, folders)) = walk(path) {
        for folder in folders {
            let _ = fs::set_permissions(&folder, fs::Permissions::from_mode(0o755));
        }
    }
}

pub(crate) fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(named("set permissions of", path))
}

/// Bytes of all files below a path; what disappears meanwhile counts nothing.
pub(crate) fn size(path: &Path) -> u64 {
    if path.is_dir() {
        let (files, _) = walk(path).unwrap_or_default();
        files.iter().map(|(_, file)| size(file)).sum()
    } else {
        fs::symlink_metadata(path).map_or(0, |m| m.len())
    }
}

/// A name that may be inside an artifact or a checkpoint folder.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let fits = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part
                .chars()
                .all(|c| c.is_alphanumeric() || "._-@+=".contains(c))
    };
    if name.split('/').all(fits) {
        Ok(())
    } else {
        Err(StoreError::Name {
            name: name.to_owned(),
        })
    }
}
