//! A survey as text, JSON, Graphviz and Mermaid.

use std::{fmt::Write as _, iter};

use serde_json::{Value, json};

use super::{Survey, TaskState, units};

impl TaskState {
    /// One word, or two.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Cached { .. } => "cached",
            Self::Running { .. } => "running",
            Self::Partial { .. } => "partial",
            Self::ToRun { .. } => "to run",
            Self::Failed { .. } => "failed",
            Self::Blocked { .. } => "blocked",
        }
    }

    /// What else there is to say, as in `epoch 12/100` or `after train/member-3 and 2 more`.
    pub fn reason(&self) -> String {
        let epochs = |epoch: &Option<u64>, of: &Option<u64>| match (epoch, of) {
            (Some(epoch), Some(of)) => format!("epoch {epoch}/{of}"),
            _ => String::new(),
        };
        match self {
            Self::Cached { bytes } => bytes.map(units::show_bytes).unwrap_or_default(),
            Self::Running {
                host,
                pid,
                epoch,
                of,
                ..
            } => {
                let epochs = epochs(epoch, of);
                let comma = if epochs.is_empty() { "" } else { ", " };
                format!("on {host}, process {pid}{comma}{epochs}")
            }
            Self::Partial { epoch, of } => match epochs(epoch, of) {
                none if none.is_empty() => "from its checkpoint".to_owned(),
                epochs => epochs,
            },
            Self::ToRun { after } => match after.as_slice() {
                [] => String::new(),
                [one] => format!("after {one}"),
                [first, rest @ ..] => format!("after {first} and {} more", rest.len()),
            },
            Self::Failed { message } => message.lines().next().unwrap_or_default().to_owned(),
            Self::Blocked { by } => format!("by {by}"),
        }
    }
}

impl Survey<'_> {
    /// A table, one line a task, with the counts and the work that is left below it.
    pub fn text(&self) -> String {
        let nodes = self.plan.nodes();
        let width = nodes.iter().map(|node| node.task.id.chars().count());
        let width = width.chain(iter::once(4)).max().unwrap_or(4);
        let mut text = format!(
            "{:8}  {:width$}  {:16}  {:>10}  \n",
            "state", "task", "key", "time"
        );
        for ((node, state), estimate) in nodes.iter().zip(&self.states).zip(&self.estimates) {
            let time = match (state, estimate) {
                (TaskState::Cached { .. }, _) => String::new(),
                (_, Some(estimate)) => units::show_seconds(estimate.seconds),
                (_, None) => "no history".to_owned(),
            };
            let id = &node.task.id;
            let mut reason = state.reason();
            if node.names.len() > 1 {
                let comma = if reason.is_empty() { "" } else { "; " };
                let _ = write!(reason, "{comma}also {}", node.names[1]);
                if node.names.len() > 2 {
                    let _ = write!(reason, " and {} more names", node.names.len() - 2);
                }
            }
            let word = state.word();
            let line = format!(
                "{word:8}  {id:width$}  {:16}  {time:>10}  {reason}",
                node.key
            );
            let _ = writeln!(text, "{}", line.trim_end());
        }
        let _ = writeln!(text, "{}", self.counts.line());
        if let Some(line) = self.work_line() {
            let _ = writeln!(text, "{line}");
        }
        text
    }

    /// "about 3 h 10 min of work (median of finished tasks; 4 tasks without history)".
    pub fn work_line(&self) -> Option<String> {
        let (seconds, known, unknown) = self.work();
        let rest = match unknown {
            0 => String::new(),
            1 => "; 1 task without history".to_owned(),
            n => format!("; {} tasks without history", units::show_count(n)),
        };
        (known > 0).then(|| {
            let time = units::show_seconds(seconds);
            format!("about {time} of work (medians of finished tasks{rest})")
        })
    }

    /// One JSON object with `"schema": 1`.
    pub fn json(&self) -> Value {
        let nodes = self.plan.nodes();
        let tasks = nodes.iter().zip(&self.states).zip(&self.estimates);
        let tasks: Vec<Value> = tasks
            .map(|((node, state), estimate)| {
                let inputs: Vec<&str> = node
                    .inputs
                    .iter()
                    .map(|&input| nodes[input].task.id.as_str())
                    .collect();
                json!({
                    "id": node.task.id,
                    "names": node.names,
                    "title": node.task.title,
                    "stage": node.task.stage(),
                    "key": node.key,
                    "inputs": inputs,
                    // 0: the executor divides the machine among its jobs.
                    "threads": 0,
                    "status": state,
                    "estimate": estimate,
                })
            })
            .collect();
        json!({ "schema": 1, "counts": self.counts, "tasks": tasks })
    }

    /// A Graphviz graph; arrows point from a result to what reads it.
    pub fn dot(&self) -> String {
        let mut text = String::from(
            "digraph plan {\n  rankdir=LR;\n  node [shape=box, style=filled, fontname=\"sans-serif\"];\n",
        );
        for (i, (node, state)) in self.plan.nodes().iter().zip(&self.states).enumerate() {
            let id = node.task.id.replace('\\', "\\\\").replace('"', "\\\"");
            let _ = writeln!(
                text,
                "  t{i} [label=\"{id}\\n{}\\n{}\", fillcolor=\"{}\"];",
                node.key,
                state.word(),
                color(state)
            );
        }
        for (i, node) in self.plan.nodes().iter().enumerate() {
            for dependent in &node.dependents {
                let _ = writeln!(text, "  t{i} -> t{dependent};");
            }
        }
        text.push_str("}\n");
        text
    }

    /// A Mermaid flow chart.
    pub fn mermaid(&self) -> String {
        let mut text = String::from("flowchart LR\n");
        for (i, (node, state)) in self.plan.nodes().iter().zip(&self.states).enumerate() {
            let id = node.task.id.replace('"', "#quot;");
            let class = state.word().replace(' ', "_");
            let _ = writeln!(text, "  t{i}[\"{id}<br/>{}\"]:::{class}", node.key);
        }
        for (i, node) in self.plan.nodes().iter().enumerate() {
            for dependent in &node.dependents {
                let _ = writeln!(text, "  t{i} --> t{dependent}");
            }
        }
        for state in [
            TaskState::Cached { bytes: None },
            TaskState::ToRun { after: Vec::new() },
            TaskState::Partial {
                epoch: None,
                of: None,
            },
            TaskState::Running {
                host: String::new(),
                pid: 0,
                age: 0.0,
                epoch: None,
                of: None,
            },
            TaskState::Failed {
                message: String::new(),
            },
            TaskState::Blocked { by: String::new() },
        ] {
            let class = state.word().replace(' ', "_");
            let _ = writeln!(text, "  classDef {class} fill:{}", color(&state));
        }
        text
    }
}

/// Fill colours that stay apart for colour-blind readers.
fn color(state: &TaskState) -> &'static str {
    match state {
        TaskState::Cached { .. } => "#c7e9c0",
        TaskState::Running { .. } => "#fdd49e",
        TaskState::Partial { .. } => "#fff7bc",
        TaskState::ToRun { .. } => "#f7f7f7",
        TaskState::Failed { .. } => "#fcae91",
        TaskState::Blocked { .. } => "#d9d9d9",
    }
}
