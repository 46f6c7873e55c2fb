//! Shared by the tests of this binary.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    sync::Mutex,
};

use degu_workflow::execute::{TaskContext, TaskError};
use degu_workflow::journal::{Observer, StudyEvent};
use degu_workflow::key::KeyFields;
use degu_workflow::plan::Task;
use degu_workflow::store::{Provenance, Published, Store};
use serde_json::json;

pub(crate) fn fields(stage: &str, setting: u64) -> KeyFields {
    let mut fields = KeyFields::new(stage, 1);
    fields.settings = json!({ "setting": setting });
    fields.seed = json!("7:/member/0");
    fields.numeric = json!({ "dtype": "f32", "device": "cpu" });
    fields
}

/// A chain of toy tasks: `prepare`, two members, a teacher.
pub(crate) fn toy_tasks() -> Vec<Task> {
    vec![
        Task::new("prepare", fields("prepare", 0)),
        Task::new("train/member-0", fields("train", 0)).with_inputs(["prepare"]),
        Task::new("train/member-1", fields("train", 1)).with_inputs(["prepare"]),
        Task::new("predict/teacher", fields("predict", 0))
            .with_inputs(["train/member-0", "train/member-1"]),
    ]
}

/// Writes a number made from the setting and the inputs' numbers: a stand-in for training whose
/// result is easy to check.
pub(crate) fn toy_work(task: &Task, context: &TaskContext<'_>) -> Result<(), TaskError> {
    let mut sum = task.fields.settings["setting"].as_u64().unwrap_or(0) + 1;
    for input in context.inputs() {
        sum = sum * 31 + input.json::<u64>("value.json")?;
    }
    context.output().write_json("value.json", &sum)?;
    context
        .output()
        .write_bytes("log/lines.txt", task.stage().as_bytes())?;
    Ok(())
}

pub(crate) fn publish<'a>(store: &'a Store, fields: &KeyFields, bytes: &[u8]) -> Published<'a> {
    let publication = store.begin(&fields.key()).unwrap();
    publication.write_bytes("model.bin", bytes).unwrap();
    let provenance = Provenance {
        task: "test".to_owned(),
        seconds: 1.5,
        ..Provenance::default()
    };
    publication.publish(fields, provenance).unwrap()
}

/// Collects events.
#[derive(Default)]
pub(crate) struct Events(pub(crate) Mutex<Vec<StudyEvent>>);

impl Observer for Events {
    fn observe(&self, event: &StudyEvent) {
        self.0.lock().unwrap().push(event.clone());
    }
}

impl Events {
    pub(crate) fn count(&self, wanted: impl Fn(&StudyEvent) -> bool) -> usize {
        self.0.lock().unwrap().iter().filter(|e| wanted(e)).count()
    }
}

/// Runs one test of this binary in another process, with a role in its environment.
pub(crate) fn child(test: &str, role: &str, folder: &Path) -> Child {
    command(test, role, folder).spawn().unwrap()
}

pub(crate) fn command(test: &str, role: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env("DEGU_TEST_ROLE", role)
        .env("DEGU_TEST_FOLDER", folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Role and folder of a child; `None` in the parent.
pub(crate) fn role() -> Option<(String, std::path::PathBuf)> {
    let role = std::env::var("DEGU_TEST_ROLE").ok()?;
    Some((role, std::env::var_os("DEGU_TEST_FOLDER")?.into()))
}

/// Writes to a file of a read-only object, as a bad disk would.
pub(crate) fn damage(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    use std::os::unix::fs::PermissionsExt;
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    for path in [path.parent().unwrap(), path] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    std::fs::write(path, bytes).unwrap();
}
