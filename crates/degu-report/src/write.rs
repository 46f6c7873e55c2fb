//! Files of a report, each complete or absent.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::data::ReportData;
use crate::{Result, figures, html, tables};

/// Writes the report to `path`, creating its folder; the file is complete or unchanged, never half
/// written.
///
/// # Errors
///
/// [`crate::Error::Io`] with the path, [`crate::Error::TooLarge`] above 5 MB.
pub fn write_report(data: &ReportData, path: &Path) -> Result<()> {
    write_whole(path, &html(data)?)
}

/// Writes every figure as SVG into `folder`; returns the paths in the order of the page.
///
/// # Errors
///
/// [`crate::Error::Io`] with the path.
pub fn write_figures(data: &ReportData, folder: &Path) -> Result<Vec<PathBuf>> {
    write_all(folder, figures(data))
}

/// Writes every table as CSV into `folder`; returns the paths.
///
/// # Errors
///
/// [`crate::Error::Io`] with the path, [`crate::Error::Csv`] with the table.
pub fn write_tables(data: &ReportData, folder: &Path) -> Result<Vec<PathBuf>> {
    write_all(folder, tables(data)?)
}

fn write_all(folder: &Path, files: Vec<(String, String)>) -> Result<Vec<PathBuf>> {
    files
        .into_iter()
        .map(|(name, text)| {
            let path = folder.join(name);
            write_whole(&path, &text)?;
            Ok(path)
        })
        .collect()
}

/// Writes a temporary file beside the target, then renames it.
fn write_whole(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        fs::create_dir_all(folder)?;
    }
    let mut name = std::ffi::OsString::from(".");
    name.push(
        path.file_name()
            .unwrap_or_else(|| std::ffi::OsStr::new("report")),
    );
    name.push(".part");
    let part = path.with_file_name(name);
    let written = (|| {
        let mut file = fs::File::create(&part)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&part, path)
    })();
    if written.is_err() {
        // The first error is the one to report; a leftover that cannot be removed changes nothing.
        let _ = fs::remove_file(&part);
    }
    Ok(written?)
}
