//! Effects as a table, as VCF, or as JSON lines.
//!
//! | column | what |
//! |---|---|
//! | `chromosome`, `position`, `id`, `ref`, `alt` | as in the file; position from 1 |
//! | `task` | one row a task |
//! | `effect` | alternate minus reference prediction, averaged over strands and shifts |
//! | `sd` | standard deviation of the effect between members (ddof 1); empty for one model |
//! | `lower`, `upper` | Student t interval over members; one model: effect ± z · epistemic sd |
//! | `ref_prediction`, `alt_prediction` | predictions |
//! | `epistemic_ref`, `epistemic_alt` | predicted epistemic standard deviations |
//! | `placement_sd` | standard deviation of the effect over strands and shifts |
//! | `window_start` | first base of the element's window, from 0 |
//! | `element`, `measured` | from a table of saturation mutagenesis |
//! | `flags` | why there is no effect, `swapped`; `.` for nothing |

use std::path::Path;

use degu_apply::variants::{Effect, Scored};
use degu_genome::decode;
use serde_json::{Value, json};

use crate::commands::applied::field;
use crate::{Result, args::VariantsArgs};

/// Form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Table,
    Vcf,
    Json,
}

impl Form {
    pub(super) fn of(path: Option<&Path>, json: bool) -> Self {
        let Some(path) = path else {
            return if json { Self::Json } else { Self::Table };
        };
        let name = path.to_string_lossy();
        if name.ends_with(".vcf") || name.ends_with(".vcf.gz") {
            Self::Vcf
        } else {
            Self::Table
        }
    }
}

const COLUMNS: &str = "chromosome\tposition\tid\tref\talt\ttask\teffect\tsd\tlower\tupper\tref_prediction\talt_prediction\tepistemic_ref\tepistemic_alt\tplacement_sd\twindow_start\telement\tmeasured\tflags\n";

/// Makes the lines of variants; the header comes before the first.
pub(super) struct VariantWriter {
    form: Form,
    tasks: Vec<String>,
    header: Option<String>,
}

impl VariantWriter {
    pub(super) fn new(form: Form, tasks: &[String], args: &VariantsArgs, level: f64) -> Self {
        let header = match form {
            Form::Table => COLUMNS.to_owned(),
            Form::Vcf => vcf_header(tasks, args, level),
            Form::Json => String::new(),
        };
        Self {
            form,
            tasks: tasks.to_vec(),
            header: Some(header),
        }
    }

    /// The header, if no variant asked for it.
    pub(super) fn header_left(&mut self) -> String {
        self.header.take().unwrap_or_default()
    }

    pub(super) fn lines(&mut self, scored: &Scored) -> Result<String> {
        let mut text = self.header_left();
        match self.form {
            Form::Table => self.table(scored, &mut text),
            Form::Vcf => Self::vcf(scored, &mut text),
            Form::Json => self.json(scored, &mut text)?,
        }
        Ok(text)
    }

    fn table(&self, scored: &Scored, text: &mut String) {
        let p = &scored.prepared;
        let v = &p.variant;
        let measured = p.measured.as_ref();
        for (task, name) in self.tasks.iter().enumerate() {
            let effect = scored.effects.as_ref().ok().and_then(|all| all.get(task));
            let number = |f: &dyn Fn(&Effect) -> Option<f64>| field(effect.and_then(f));
            let fields = [
                v.chromosome.clone(),
                (v.start + 1).to_string(),
                if v.id.is_empty() {
                    ".".to_owned()
                } else {
                    v.id.clone()
                },
                allele(&v.reference),
                allele(&v.alternate),
                name.clone(),
                number(&|e| Some(e.effect)),
                number(&|e| e.member_sd),
                number(&|e| e.lower),
                number(&|e| e.upper),
                number(&|e| Some(e.reference)),
                number(&|e| Some(e.alternate)),
                number(&|e| e.epistemic_reference),
                number(&|e| e.epistemic_alternate),
                number(&|e| e.placement_sd),
                p.start.to_string(),
                measured.map_or_else(String::new, |m| m.element.clone()),
                field(measured.and_then(|m| m.effect)),
                flags(scored),
            ];
            text.push_str(&fields.join("\t"));
            text.push('\n');
        }
    }

    fn vcf(scored: &Scored, text: &mut String) {
        let v = &scored.prepared.variant;
        let mut info = Vec::new();
        if let Ok(effects) = &scored.effects {
            let mut put = |name: &str, f: &dyn Fn(&Effect) -> Option<f64>| {
                let values: Vec<String> = effects
                    .iter()
                    .map(|e| f(e).map_or_else(|| ".".to_owned(), |v| (v as f32).to_string()))
                    .collect();
                if values.iter().any(|v| v != ".") {
                    info.push(format!("{name}={}", values.join(",")));
                }
            };
            put("DEGU_EFFECT", &|e| Some(e.effect));
            put("DEGU_SD", &|e| e.member_sd);
            put("DEGU_LOWER", &|e| e.lower);
            put("DEGU_UPPER", &|e| e.upper);
            put("DEGU_REF", &|e| Some(e.reference));
            put("DEGU_ALT", &|e| Some(e.alternate));
            put("DEGU_EPISTEMIC_REF", &|e| e.epistemic_reference);
            put("DEGU_EPISTEMIC_ALT", &|e| e.epistemic_alternate);
        }
        let flags = flags(scored);
        if flags != "." {
            info.push(format!("DEGU_FLAGS={flags}"));
        }
        let id = if v.id.is_empty() { "." } else { v.id.as_str() };
        text.push_str(&format!(
            "{}\t{}\t{id}\t{}\t{}\t.\t.\t{}\n",
            v.chromosome,
            v.start + 1,
            allele(&v.reference),
            allele(&v.alternate),
            info.join(";")
        ));
    }

    fn json(&self, scored: &Scored, text: &mut String) -> Result<()> {
        let v = &scored.prepared.variant;
        for (task, name) in self.tasks.iter().enumerate() {
            let effect = scored.effects.as_ref().ok().and_then(|all| all.get(task));
            let get = |f: &dyn Fn(&Effect) -> Option<f64>| -> Value { json!(effect.and_then(f)) };
            let measured = scored.prepared.measured.as_ref();
            let row = json!({
                "chromosome": v.chromosome,
                "position": v.start + 1,
                "id": v.id,
                "ref": allele(&v.reference),
                "alt": allele(&v.alternate),
                "task": name,
                "effect": get(&|e| Some(e.effect)),
                "sd": get(&|e| e.member_sd),
                "lower": get(&|e| e.lower),
                "upper": get(&|e| e.upper),
                "ref_prediction": get(&|e| Some(e.reference)),
                "alt_prediction": get(&|e| Some(e.alternate)),
                "epistemic_ref": get(&|e| e.epistemic_reference),
                "epistemic_alt": get(&|e| e.epistemic_alternate),
                "placement_sd": get(&|e| e.placement_sd),
                "window_start": scored.prepared.start,
                "element": measured.map(|m| &m.element),
                "measured": measured.and_then(|m| m.effect),
                "flags": flags(scored),
            });
            text.push_str(&serde_json::to_string(&row)?);
            text.push('\n');
        }
        Ok(())
    }
}

/// Letters of an allele; `-` where all bases are lost.
fn allele(codes: &[u8]) -> String {
    if codes.is_empty() {
        "-".to_owned()
    } else {
        decode(codes)
    }
}

fn flags(scored: &Scored) -> String {
    let mut flags = Vec::new();
    if let Err(problem) = &scored.effects {
        flags.push(problem.name());
    }
    if scored.prepared.swapped {
        flags.push("swapped");
    }
    if flags.is_empty() {
        ".".to_owned()
    } else {
        flags.join(",")
    }
}

fn vcf_header(tasks: &[String], args: &VariantsArgs, level: f64) -> String {
    let mut text = "##fileformat=VCFv4.2\n##source=degu-lab\n".to_owned();
    text.push_str(&format!("##degu_tasks={}\n", tasks.join(",")));
    text.push_str(&format!("##degu_model={}\n", args.models.model.display()));
    let values = tasks.len();
    let level = format!("{level}");
    for (name, what) in [
        (
            "DEGU_EFFECT",
            "Prediction of ALT less that of REF, one value a task in the order of degu_tasks"
                .to_owned(),
        ),
        (
            "DEGU_SD",
            "Standard deviation of the effect between members of the ensemble".to_owned(),
        ),
        (
            "DEGU_LOWER",
            format!("Lower end of the interval of level {level}"),
        ),
        (
            "DEGU_UPPER",
            format!("Upper end of the interval of level {level}"),
        ),
        ("DEGU_REF", "Prediction of REF".to_owned()),
        ("DEGU_ALT", "Prediction of ALT".to_owned()),
        (
            "DEGU_EPISTEMIC_REF",
            "Predicted epistemic standard deviation at REF".to_owned(),
        ),
        (
            "DEGU_EPISTEMIC_ALT",
            "Predicted epistemic standard deviation at ALT".to_owned(),
        ),
    ] {
        text.push_str(&format!(
            "##INFO=<ID={name},Number={values},Type=Float,Description=\"{what}\">\n"
        ));
    }
    text.push_str("##INFO=<ID=DEGU_FLAGS,Number=.,Type=String,Description=\"Why there is no effect, or swapped\">\n");
    text.push_str("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n");
    text
}
