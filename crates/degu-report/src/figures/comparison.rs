//! Ablation arms against their baseline: every replicate as a dot.

use super::{Caption, Figure, name};
use crate::axis::Axis;
use crate::data::{Arm, Comparison, ReportData};
use crate::forest::{Forest, name_room};
use crate::palette::{AXIS, INK, MUTED, SERIES};
use crate::panel::WIDTH;
use crate::svg::{Anchor, Svg};
use crate::text::{labelled, metric_label, number, with_interval};

/// One figure per metric.
pub(super) fn draw(data: &ReportData) -> Vec<Figure> {
    data.comparisons
        .iter()
        .filter(|c| !c.arms.is_empty())
        .map(figure)
        .collect()
}

fn figure(comparison: &Comparison) -> Figure {
    let file = name(&["comparison", &comparison.metric]);
    let names: Vec<String> = comparison
        .arms
        .iter()
        .map(|arm| format!("{} (n = {})", arm.name, arm.n))
        .collect();
    let room = name_room(&names);
    let label = metric_label(&comparison.metric);
    let values = comparison
        .arms
        .iter()
        .flat_map(|arm| {
            arm.differences.iter().copied().map(Some).chain([
                Some(arm.difference),
                arm.ci_low,
                arm.ci_high,
            ])
        })
        .flatten()
        .chain([0.0]);
    let forest = Forest {
        left: room,
        top: 52.0,
        width: WIDTH - room - 210.0,
        row_height: 38.0,
        rows: comparison.arms.len(),
        x: Axis::fit(
            &labelled(
                &format!(
                    "difference to “{}” in {label}, positive is better",
                    comparison.baseline
                ),
                &comparison.unit,
            ),
            values,
        ),
    };
    let mut svg = Svg::new(
        &file,
        &format!("Ablation, {}", comparison.metric),
        WIDTH,
        forest.bottom() + 46.0,
    );
    let kind = if comparison.primary {
        "primary metric"
    } else {
        "exploratory"
    };
    forest.frame(&mut svg, &format!("{label} ({kind})"), &names);
    let zero = forest.px(0.0);
    svg.line(zero, forest.top - 4.0, zero, forest.bottom())
        .stroke(INK, 1.4)
        .end();
    svg.text(zero - 8.0, forest.top - 6.0, 11.0, Anchor::End)
        .fill(MUTED)
        .words("← worse");
    svg.text(zero + 8.0, forest.top - 6.0, 11.0, Anchor::Start)
        .fill(MUTED)
        .words("better →");
    svg.text(WIDTH - 12.0, forest.top - 12.0, 11.0, Anchor::End)
        .fill(MUTED)
        .words("difference [95 % CI]");
    for (i, arm) in comparison.arms.iter().enumerate() {
        arm_row(&mut svg, &forest, forest.row(i), arm);
    }
    Figure {
        name: file,
        tab: if comparison.primary {
            format!("{label} (primary)")
        } else {
            format!("{label} (exploratory)")
        },
        svg: svg.finish(),
        caption: caption(&label, &comparison.baseline),
    }
}

fn caption(label: &str, baseline: &str) -> Caption {
    Caption::new(
        format!(
            "How much each change of the study moves {label}, against the unchanged study “{baseline}”."
        ),
        "Each grey dot is one replicate (ensemble and students trained again from another seed, the same one in both arms); the diamond is the mean, the bar its 95 % confidence interval. An asterisk marks missing replicates, named in the table.",
        "A bar that does not touch the zero line is a difference beyond the noise of training. A bar across zero says that this study cannot tell. With many arms some bars miss zero by chance: the table has the adjusted p.",
    )
}

/// Replicates, mean and interval of one arm.
fn arm_row(svg: &mut Svg, forest: &Forest, y: f64, arm: &Arm) {
    for (replicate, value) in arm
        .differences
        .iter()
        .enumerate()
        .filter(|(_, v)| v.is_finite())
    {
        svg.circle(
            forest.px(*value),
            y + 8.0 + [0.0, 2.6, -2.6][replicate % 3],
            3.4,
        )
        .fill(AXIS)
        .a("fill-opacity", "0.75")
        .tip(&format!(
            "{}, replicate {}\n{}",
            arm.name,
            replicate + 1,
            number(*value)
        ));
    }
    if let (Some(low), Some(high)) = (arm.ci_low, arm.ci_high) {
        forest.interval(svg, y - 5.0, low, high, SERIES[0], 2.6);
    }
    let text = with_interval(arm.difference, arm.ci_low, arm.ci_high);
    if arm.difference.is_finite() {
        svg.diamond(forest.px(arm.difference), y - 5.0, 6.5)
            .fill(SERIES[0])
            .stroke("#fff", 1.2)
            .tip(&format!("{}\n{text}", arm.name));
    }
    let note = if arm.note.is_empty() {
        text
    } else {
        format!("{text} *")
    };
    svg.text(WIDTH - 12.0, y + 4.0, 11.0, Anchor::End)
        .words(&note);
}
