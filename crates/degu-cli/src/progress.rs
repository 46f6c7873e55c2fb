//! Study events on stderr: bars on a terminal, lines elsewhere, JSON for programs.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Write},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use degu_workflow::journal::{Level, Observer, Progress, StudyEvent};
use degu_workflow::plan::show_count;
use degu_workflow::plan::show_seconds;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::args::ProgressMode;

/// Share of a task that is done before its remaining time is worth a number.
const ETA_FROM: f64 = 0.05;

/// The observer for a mode.
pub(crate) fn observer(mode: ProgressMode) -> Box<dyn Observer> {
    let terminal = io::stderr().is_terminal();
    match mode {
        ProgressMode::None => Box::new(Silent),
        ProgressMode::Json => Box::new(Json),
        ProgressMode::Auto if terminal => Box::new(Bars::new()),
        ProgressMode::Auto | ProgressMode::Plain => Box::new(Plain),
    }
}

/// No progress; a damaged result that is computed again is said all the same.
struct Silent;

impl Observer for Silent {
    fn observe(&self, event: &StudyEvent) {
        if matches!(event, StudyEvent::Message { level, .. } if *level >= Level::Warning)
            && let Some(text) = describe(event)
        {
            line(&text);
        }
    }
}

/// One line an event; a reader that has gone is no reason to stop a study.
fn line(text: &str) {
    let _closed = writeln!(io::stderr().lock(), "{text}");
}

struct Json;

impl Observer for Json {
    fn observe(&self, event: &StudyEvent) {
        if let Ok(text) = serde_json::to_string(event) {
            line(&text);
        }
    }
}

struct Plain;

impl Observer for Plain {
    fn observe(&self, event: &StudyEvent) {
        if let Some(text) = describe(event) {
            line(&text);
        }
    }
}

/// An event as a line; `None` for events without news for a reader.
fn describe(event: &StudyEvent) -> Option<String> {
    Some(match event {
        StudyEvent::Planned {
            distinct,
            cached,
            to_run,
            ..
        } => format!("{distinct} tasks, {cached} in the store, {to_run} to run"),
        StudyEvent::TaskStarted { task, resumed, .. } => {
            let from = if *resumed {
                "continues from its checkpoint"
            } else {
                "started"
            };
            format!("{task}  {from}")
        }
        StudyEvent::TaskProgress { task, progress } => format!("{task}  {}", numbers(progress)),
        StudyEvent::TaskFinished { task, seconds, .. } => {
            format!("{task}  done in {}", show_seconds(*seconds))
        }
        StudyEvent::TaskFailed {
            task,
            message,
            retried,
            ..
        } => {
            let again = if *retried { " (tried again)" } else { "" };
            format!("{task}  FAILED: {message}{again}")
        }
        StudyEvent::TaskBlocked { task, by } => format!("{task}  blocked by {by}"),
        StudyEvent::TaskWaiting { task, host, pid } => {
            format!("{task}  waits for process {pid} on {host}")
        }
        StudyEvent::Message { level, text, .. } if *level >= Level::Warning => text.clone(),
        _ => return None,
    })
}

/// "epoch 12/100  loss 0.412  val 0.438*  1,840 seq/s"; the star marks the best validation so far.
fn numbers(p: &Progress) -> String {
    let mut text = format!("epoch {}/{}", p.epoch, p.of);
    if let Some(loss) = p.loss {
        text.push_str(&format!("  loss {loss:.4}"));
    }
    if let Some(validation) = p.validation {
        let star = if p.best.is_some_and(|best| validation <= best) {
            "*"
        } else {
            ""
        };
        text.push_str(&format!("  val {validation:.4}{star}"));
    }
    if let Some(rate) = p.rate.filter(|rate| rate.is_finite() && *rate > 0.0) {
        text.push_str(&format!("  {} seq/s", show_count(rate.round() as usize)));
    }
    text
}

/// One bar for each running task and one for the study.
struct Bars {
    all: MultiProgress,
    study: ProgressBar,
    tasks: Mutex<BTreeMap<String, ProgressBar>>,
}

fn style(template: &str) -> ProgressStyle {
    // The templates below are constants; a broken one falls back to the plain bar.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::new();
        let study = all.add(ProgressBar::new(0));
        study.set_style(style("{bar:30} {pos}/{len} tasks  {elapsed}"));
        study.enable_steady_tick(Duration::from_secs(1));
        Self {
            all,
            study,
            tasks: Mutex::default(),
        }
    }

    fn with_bars<T>(&self, f: impl FnOnce(&mut BTreeMap<String, ProgressBar>) -> T) -> T {
        f(&mut self.tasks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a task's bar away and leaves a line instead.
    fn end(&self, task: &str, text: Option<String>) {
        if let Some(bar) = self.with_bars(|bars| bars.remove(task)) {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
        if let Some(text) = text {
            // Without a terminal there are no bars to print above.
            let _closed = self.all.println(text);
        }
        self.study.inc(1);
    }

    fn start(&self, task: &str) {
        let bar = self.all.insert_before(&self.study, ProgressBar::new(0));
        bar.set_style(style("  {prefix}  {msg}"));
        bar.set_prefix(task.to_owned());
        bar.enable_steady_tick(Duration::from_secs(1));
        self.with_bars(|bars| bars.insert(task.to_owned(), bar));
    }

    fn update(&self, task: &str, progress: &Progress) {
        self.with_bars(|bars| {
            let Some(bar) = bars.get(task) else { return };
            let done = progress.epoch as f64 / progress.of.max(1) as f64;
            let mut text = numbers(progress);
            if (ETA_FROM..1.0).contains(&done) {
                let left = bar.elapsed().as_secs_f64() * (1.0 - done) / done;
                text.push_str(&format!("  eta {}", show_seconds(left)));
            }
            bar.set_message(text);
        });
    }
}

impl Observer for Bars {
    fn observe(&self, event: &StudyEvent) {
        match event {
            StudyEvent::Planned { distinct, .. } => self.study.set_length(*distinct as u64),
            StudyEvent::TaskStarted { task, .. } => self.start(task),
            StudyEvent::TaskProgress { task, progress } => self.update(task, progress),
            StudyEvent::TaskCached { .. } => self.study.inc(1),
            StudyEvent::TaskFailed {
                task,
                retried: false,
                ..
            }
            | StudyEvent::TaskFinished { task, .. }
            | StudyEvent::TaskBlocked { task, .. } => self.end(task, describe(event)),
            StudyEvent::StudyFinished { .. } | StudyEvent::Interrupted { .. } => {
                self.with_bars(|bars| {
                    for bar in std::mem::take(bars).into_values() {
                        bar.finish_and_clear();
                    }
                });
                self.study.finish_and_clear();
            }
            StudyEvent::Message { .. } => {
                if let Some(text) = describe(event) {
                    let _closed = self.all.println(text);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_one_line_with_the_best_marked() {
        let event = StudyEvent::TaskProgress {
            task: "train/member-3".to_owned(),
            progress: Progress {
                epoch: 12,
                of: 100,
                loss: Some(0.412),
                validation: Some(0.438),
                best: Some(0.438),
                rate: Some(1840.2),
            },
        };
        assert_eq!(
            describe(&event).unwrap(),
            "train/member-3  epoch 12/100  loss 0.4120  val 0.4380*  1,840 seq/s"
        );
    }

    #[test]
    fn what_was_cached_is_counted_not_listed() {
        let event = StudyEvent::TaskCached {
            task: "prepare".to_owned(),
            key: String::new(),
        };
        assert_eq!(describe(&event), None);
    }
}
