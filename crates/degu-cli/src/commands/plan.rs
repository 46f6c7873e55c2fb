//! `degu-lab plan` and `why`.

use std::collections::BTreeMap;

use degu_config::{Selection, Study};
use degu_study::run;
use degu_workflow::journal::{StudyStatus, read_events};
use degu_workflow::why;

use super::config;
use crate::{
    Result,
    args::{Format, PlanArgs, WhyArgs},
    output::Output,
};

pub(crate) fn run(args: &PlanArgs, output: &mut Output) -> Result<()> {
    let study = config::load(&args.study)?;
    show(&study, &config::selection(&args.selection), output)
}

/// Prints what a run would do.
pub(crate) fn show(study: &Study, selection: &Selection, output: &mut Output) -> Result<()> {
    let store = run::store(study)?;
    let planned = run::planned(study, selection, &store)?;
    let survey = planned.plan.survey(&store, &failures(study))?;
    let text = match output.format() {
        Format::Text => survey.text(),
        Format::Json => serde_json::to_string_pretty(&survey.json())?,
        Format::Dot => survey.dot(),
        Format::Mermaid => survey.mermaid(),
    };
    output.text(&text)
}

/// Tasks that failed in the last run, by its ledger.
fn failures(study: &Study) -> BTreeMap<String, String> {
    let ledger = run::folder(study).join("events.jsonl");
    read_events(&ledger)
        .map(|records| StudyStatus::of(&records).failures())
        .unwrap_or_default()
}

pub(crate) fn explain(args: &WhyArgs, output: &mut Output) -> Result<()> {
    let study = config::load(&args.study)?;
    let store = run::store(&study)?;
    let planned = run::planned(&study, &config::selection(&args.selection), &store)?;
    let answer = why::why(&planned.plan, &store, &args.task)?;
    let place = |task: &str, path: &str| {
        let settings = why::settings(task, path);
        let mut origins = settings.iter().filter_map(|s| study.config().origin(s));
        origins.next().map(|origin| origin.to_string())
    };
    output.result(&answer, || answer.text(place))
}
