//! A disk that is full.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::{FILE, STUDY, assert_undisturbed, command, files, place, reference};
use crate::support::run_in;

/// Runs the study; the largest file may have so many blocks of 512 bytes (1,024 in some shells).
fn limited(folder: &Path, blocks: usize) -> Output {
    // The signal that goes with the limit is ignored across exec, so that a write fails as it does
    // on a full disk.
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    Command::new("sh")
        .args(["-c", &script, "sh"])
        .arg(assert_cmd::cargo::cargo_bin!("degu-lab"))
        .args(command("run", 1))
        .current_dir(folder)
        .output()
        .unwrap()
}

/// Nothing that was begun and not ended.
fn assert_nothing_half_written(folder: &Path) {
    let verified = run_in(folder, &["verify"]);
    assert_eq!(verified.code, 0, "{}", verified.stdout);
    let left: Vec<PathBuf> = files(folder)
        .into_keys()
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            let hidden = name.starts_with('.') && name != ".report";
            hidden || name.ends_with(".partial") || path.starts_with("store/tmp")
        })
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

fn assert_says_so(code: Option<i32>, stderr: &str) {
    assert_eq!(code, Some(7), "{stderr}");
    for part in [
        "no space left",
        "degu-lab gc --delete",
        "degu-lab resume lost",
    ] {
        assert!(stderr.contains(part), "`{part}`: {stderr}");
    }
}

#[test]
fn a_limit_on_files_ends_with_a_clear_error_and_the_run_goes_on_without_it() {
    let folder = place();
    // The sequences are 33 kB.
    let done = limited(folder.path(), 24);
    assert_says_so(done.status.code(), &String::from_utf8_lossy(&done.stderr));
    assert_nothing_half_written(folder.path());
    let resumed = run_in(folder.path(), &command("resume", 1));
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert_undisturbed(folder.path(), "lost");
}

/// A small file system of its own; goes away with the value.
struct Small(tempfile::TempDir);

impl Small {
    fn new(size: u64) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(folder.path())
            .output();
        mounted
            .is_ok_and(|done| done.status.success())
            .then_some(Self(folder))
    }

    fn grow(&self) {
        let grown = Command::new("mount")
            .args(["-o", "remount,size=64m"])
            .arg(self.0.path())
            .status();
        assert!(grown.unwrap().success());
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_ends_with_a_clear_error_and_the_run_goes_on_when_there_is_room() {
    let whole: u64 = files(&reference().join("store"))
        .values()
        .map(|bytes| (bytes.len() as u64).next_multiple_of(4096))
        .sum();
    // Full while the data are written, while a member trains, and after the members.
    for share in [10, 45, 70] {
        let Some(disk) = Small::new(whole * share / 100) else {
            eprintln!("skipped: a file system of its own (no right to mount)");
            return;
        };
        let folder = disk.0.path();
        fs_err::write(folder.join(FILE), STUDY).unwrap();
        let done = run_in(folder, &command("run", 1));
        assert_says_so(Some(done.code), &done.stderr);
        assert_nothing_half_written(folder);
        disk.grow();
        let resumed = run_in(folder, &command("resume", 1));
        assert_eq!(resumed.code, 0, "{share} %: {}", resumed.stderr);
        assert_undisturbed(folder, "lost");
    }
}
