//! The frame of the page: policy, style, navigation, scripts.

use std::fmt::Write as _;

use super::hash::source_hash;
use super::points;
use super::sections::{self, Part};
use super::thin;
use crate::Result;
use crate::data::{ReportData, Tone};
use crate::error::Error;
use crate::text::{count, escape};

const STYLE: &str = include_str!("../../assets/report.css");
const SCRIPT: &str = include_str!("../../assets/report.js");

/// Largest page, in bytes: what mail servers let pass without a thought.
const LIMIT: usize = 5 * 1024 * 1024;

/// The report as one HTML document that loads nothing.
///
/// Tables, text and figures are readable without JavaScript; the script adds tooltips, switches,
/// sorting and an interactive scatter plot. Equal input gives equal text. A page that would be
/// larger than 5 MB leaves out attribution maps and points of the scatter plots, evenly, and says
/// so; files of [`figures`](crate::figures) and [`tables`](crate::tables) have them all.
///
/// # Errors
///
/// [`Error::TooLarge`] if it is above 5 MB nevertheless, [`Error::Json`] when the points cannot be
/// encoded.
pub fn html(data: &ReportData) -> Result<String> {
    let whole = page(data, "")?;
    if whole.len() <= LIMIT {
        return Ok(whole);
    }
    let mut less = data.clone();
    while thin::further(&mut less) {
        let page = page(&less, &thin::note(data, &less))?;
        if page.len() <= LIMIT {
            return Ok(page);
        }
    }
    Err(Error::TooLarge {
        limit: LIMIT,
        found: whole.len(),
    })
}

/// The page with a note on what it leaves out.
fn page(data: &ReportData, note: &str) -> Result<String> {
    let points = points::json(data)?;
    let parts = sections::all(data, points.is_some());
    let mut out = String::with_capacity(1 << 20);
    let title = escape(if data.title.is_empty() {
        &data.name
    } else {
        &data.title
    });
    out.push_str("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    let _ = writeln!(
        out,
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src '{}'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">",
        source_hash(SCRIPT)
    );
    out.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    let _ = writeln!(
        out,
        "<meta name=\"generator\" content=\"{}\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>",
        escape(&data.generated_by)
    );
    navigation(&mut out, data, &parts);
    out.push_str("<main>\n");
    header(&mut out, data, &title);
    out.push_str(note);
    for part in &parts {
        let _ = writeln!(
            out,
            "<section id=\"{}\"><h2>{}</h2>\n{}</section>",
            part.id,
            escape(&part.title),
            part.body
        );
    }
    let _ = writeln!(
        out,
        "<footer>Made by {} for the study <code>{}</code>. This file is complete in itself: it loads nothing and can be mailed or archived.</footer>\n</main>",
        escape(&data.generated_by),
        escape(&data.name)
    );
    if let Some(points) = points {
        let _ = writeln!(
            out,
            "<script type=\"application/json\" id=\"points\">{points}</script>"
        );
    }
    let _ = writeln!(out, "<script>{SCRIPT}</script>\n</body>\n</html>");
    Ok(out)
}

fn navigation(out: &mut String, data: &ReportData, parts: &[Part]) {
    let _ = writeln!(
        out,
        "<nav aria-label=\"Sections\"><a class=\"brand\" href=\"#top\">{}</a>\n<ol>",
        escape(&data.name)
    );
    for part in parts {
        let mark = if part.alert { " class=\"alert\"" } else { "" };
        let _ = writeln!(
            out,
            "<li><a href=\"#{}\"{mark}>{}</a></li>",
            part.id,
            escape(&part.short)
        );
    }
    out.push_str("</ol></nav>\n");
}

fn header(out: &mut String, data: &ReportData, title: &str) {
    let _ = writeln!(out, "<header id=\"top\"><h1>{title}</h1>");
    if !data.summary.is_empty() {
        let _ = writeln!(out, "<p class=\"lead\">{}</p>", escape(&data.summary));
    }
    if !data.tasks.is_empty() {
        let tasks: Vec<String> = data
            .tasks
            .iter()
            .map(|t| escape(&crate::text::labelled(&t.name, &t.unit)))
            .collect();
        let word = if tasks.len() == 1 { "Task" } else { "Tasks" };
        let _ = writeln!(
            out,
            "<p class=\"tasks\"><b>{word}</b> {}</p>",
            tasks.join(" · ")
        );
    }
    out.push_str("</header>\n");
    if !data.holes.is_empty() {
        let (n, verb) = (
            data.holes.len(),
            if data.holes.len() == 1 {
                "task has"
            } else {
                "tasks have"
            },
        );
        let _ = writeln!(
            out,
            "<p class=\"banner\" role=\"alert\"><b>This report is incomplete.</b> {} planned {verb} no result; \
             numbers below leave them out. <a href=\"#holes\">See which and why.</a></p>",
            count(n)
        );
    }
    if !data.headline.is_empty() {
        out.push_str("<div class=\"facts\">\n");
        for fact in &data.headline {
            let tone = match fact.tone {
                Tone::Neutral => "neutral",
                Tone::Good => "good",
                Tone::Caution => "caution",
            };
            let _ = writeln!(
                out,
                "<div class=\"fact {tone}\"><span class=\"label\">{}</span><span class=\"value\">{}</span><span class=\"detail\">{}</span></div>",
                escape(&fact.label),
                escape(&fact.value),
                escape(&fact.detail)
            );
        }
        out.push_str("</div>\n");
    }
}
