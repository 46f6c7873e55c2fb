//! Leaving things out of a page that would be too large to mail.

use crate::data::{Logo, ReportData};
use crate::text::count;

/// Attribution figures of one method, task and part that a page keeps in any case.
const FIGURES: usize = 2;

/// Points of a scatter plot that a page keeps in any case.
const POINTS: usize = 500;

/// Leaves out every other attribution figure, or else every other point; `false` when there is
/// nothing left to leave out.
pub(super) fn further(data: &mut ReportData) -> bool {
    let before = data.logos.len();
    halve_logos(&mut data.logos);
    if data.logos.len() < before {
        return true;
    }
    let mut changed = false;
    for scatter in data.scatter.iter_mut().filter(|s| s.points.len() > POINTS) {
        every_other(&mut scatter.points);
        changed = true;
    }
    for transfer in data
        .transfer
        .iter_mut()
        .filter(|t| t.teacher.len() > POINTS)
    {
        every_other(&mut transfer.teacher);
        every_other(&mut transfer.student);
        changed = true;
    }
    changed
}

fn every_other<T>(all: &mut Vec<T>) {
    let mut at = 0;
    all.retain(|_| {
        at += 1;
        at % 2 == 1
    });
}

/// Keeps every other figure of each method, task and part.
fn halve_logos(logos: &mut Vec<Logo>) {
    let group = |l: &Logo| (l.method.clone(), l.task.clone(), l.part);
    let mut groups = Vec::new();
    for logo in logos.iter() {
        let key = group(logo);
        let at = groups.iter().position(|(known, _)| *known == key);
        let at = at.unwrap_or_else(|| {
            groups.push((key, Vec::new()));
            groups.len() - 1
        });
        let figures: &mut Vec<String> = &mut groups[at].1;
        if !figures.contains(&logo.sequence) {
            figures.push(logo.sequence.clone());
        }
    }
    logos.retain(|logo| {
        let key = group(logo);
        let own = groups.iter().find(|(known, _)| *known == key);
        own.is_none_or(|(_, figures)| {
            let at = figures.iter().position(|f| *f == logo.sequence);
            figures.len() <= FIGURES || at.is_none_or(|at| at % 2 == 0)
        })
    });
}

/// What a page says of what it leaves out.
pub(super) fn note(whole: &ReportData, less: &ReportData) -> String {
    let mut left_out = Vec::new();
    if less.logos.len() < whole.logos.len() {
        left_out.push(format!(
            "{} of {} attribution maps (the others are in <code>figures/</code>)",
            count(less.logos.len()),
            count(whole.logos.len())
        ));
    }
    let points = |data: &ReportData| -> usize {
        let scatter = data.scatter.iter().map(|s| s.points.len());
        let transfer = data.transfer.iter().map(|t| t.teacher.len());
        scatter.chain(transfer).sum()
    };
    let (shown, all) = (points(less), points(whole));
    if shown < all {
        left_out.push(format!(
            "{} of {} points of scatter plots (all sequences are in <code>predictions.tsv.gz</code>)",
            count(shown),
            count(all)
        ));
    }
    format!(
        "<p class=\"note\">To stay small enough to be mailed, this page shows {}.</p>\n",
        left_out.join(" and ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Point, Scatter};

    fn logo(sequence: usize, method: &str) -> Logo {
        Logo {
            sequence: format!("s{sequence}"),
            method: method.to_owned(),
            title: "mean".to_owned(),
            heights: vec![[0.25; 4]; 200],
            ..Logo::default()
        }
    }

    #[test]
    fn figures_go_first_and_every_method_keeps_some() {
        let mut data = ReportData::new("thin", "Thin", "degu-lab");
        for sequence in 0..8 {
            // Two maps of one figure stay together.
            data.logos
                .extend([logo(sequence, "a"), logo(sequence, "a")]);
        }
        data.logos.push(logo(0, "b"));
        data.scatter.push(Scatter {
            points: vec![Point::default(); 1000],
            ..Scatter::default()
        });
        let whole = data.clone();
        assert!(further(&mut data));
        assert_eq!(data.logos.len(), 9);
        assert!(further(&mut data));
        assert_eq!((data.logos.len(), data.scatter[0].points.len()), (5, 1000));
        assert!(note(&whole, &data).contains("5 of 17 attribution maps"));
        assert!(further(&mut data));
        assert_eq!((data.logos.len(), data.scatter[0].points.len()), (5, 500));
        assert!(note(&whole, &data).contains("500 of 1,000 points"));
        assert!(!further(&mut data));
    }

    #[test]
    fn a_page_of_many_maps_is_written_and_says_what_it_leaves_out() {
        let mut data = ReportData::new("thin", "Thin", "degu-lab");
        data.logos.extend((0..400).map(|i| logo(i, "a")));
        let page = crate::html(&data).unwrap();
        assert!(page.len() <= 5 * 1024 * 1024, "{}", page.len());
        assert!(page.contains("this page shows"));
        assert_eq!(
            crate::figures(&data)
                .iter()
                .filter(|(n, _)| n.starts_with("logo"))
                .count(),
            400
        );
    }
}
