//! Attribution maps as sequence logos: the whole sequence, and below its strongest stretch
//! enlarged.

use std::ops::Range;

use super::extent::{extent, stack_ends, strongest};
use super::glyphs::{BASES, GLYPHS};
use super::{Caption, Figure, distinct, name};
use crate::axis::Axis;
use crate::data::{Logo, LogoForm, Part, ReportData};
use crate::palette;
use crate::panel::{Panel, WIDTH};
use crate::svg::{Anchor, Svg, px, text_width};
use crate::text::{labelled, number};

/// Sequences up to this length are drawn once, at full size.
const SHORT: usize = 80;

/// One figure per sequence, method, task and part; maps of different models below each other on one
/// scale.
pub(super) fn draw(data: &ReportData) -> Vec<Figure> {
    let shown: Vec<&Logo> = data
        .logos
        .iter()
        .filter(|l| !l.heights.is_empty())
        .collect();
    distinct(&shown, |l| {
        (l.sequence.clone(), l.method.clone(), l.task.clone(), l.part)
    })
    .into_iter()
    .map(|key| {
        let maps: Vec<&Logo> = shown
            .iter()
            .copied()
            .filter(|l| {
                (&l.sequence, &l.method, &l.task, l.part) == (&key.0, &key.1, &key.2, key.3)
            })
            .collect();
        figure(&maps, data.unit(&key.2))
    })
    .collect()
}

fn figure(maps: &[&Logo], unit: &str) -> Figure {
    let first = maps[0];
    let file = name(&[
        "logo",
        &first.sequence,
        &first.method,
        &first.task,
        first.part.label(),
    ]);
    let length = maps.iter().map(|m| m.heights.len()).max().unwrap_or(1);
    let window = if length > SHORT {
        strongest(maps, length)
    } else {
        0..length
    };
    let whole = length > SHORT;
    let (low, high) = extent(maps, 0..length);
    let mut svg = Svg::new(
        &file,
        &format!("Attribution of {}", first.sequence),
        WIDTH,
        0.0,
    );
    let mut top = 34.0;
    for (i, map) in maps.iter().enumerate() {
        let mut panel = Panel {
            left: 64.0,
            top,
            width: WIDTH - 84.0,
            height: if whole { 74.0 } else { 150.0 },
            x: position_axis(&(0..length)),
            y: Axis::fixed("", low, high),
        };
        thin_ticks(&mut panel);
        frame(&mut svg, &panel, &map.title, map);
        if whole {
            let (x1, x2) = (panel.px(window.start as f64), panel.px(window.end as f64));
            svg.rect(x1, panel.top, x2 - x1, panel.height)
                .fill("#f3e9c6")
                .a("fill-opacity", "0.55")
                .end();
        }
        letters(&mut svg, &panel, map, 0..length, &format!("{i}"));
        top += panel.height + 56.0;
        if whole {
            let mut zoom = Panel {
                left: 64.0,
                top: top - 12.0,
                width: WIDTH - 84.0,
                height: 128.0,
                x: position_axis(&window),
                y: Axis::fixed("", low, high),
            };
            thin_ticks(&mut zoom);
            frame(&mut svg, &zoom, "", map);
            letters(&mut svg, &zoom, map, window.clone(), &format!("{i}-zoom"));
            top += zoom.height + 50.0;
        }
    }
    svg.text(
        64.0 + (WIDTH - 84.0) / 2.0,
        top - 18.0,
        12.0,
        Anchor::Middle,
    )
    .words("position in the sequence (bp)");
    svg.set_height(top);
    if first.form == LogoForm::Information {
        return motif(first, file, svg.finish());
    }
    Figure {
        name: file,
        tab: tab(first),
        svg: svg.finish(),
        caption: caption(maps, unit, whole),
    }
}

fn caption(maps: &[&Logo], unit: &str, whole: bool) -> Caption {
    let first = maps[0];
    let what = match first.part {
        Part::Mean => "predicted activity",
        Part::Epistemic => "predicted epistemic uncertainty",
        Part::Aleatoric => "predicted aleatoric uncertainty",
    };
    let scale = labelled(&format!("contribution to the {what}"), unit);
    let zoomed = if whole {
        " The shaded stretch is enlarged below each map."
    } else {
        ""
    };
    let bars = if maps.iter().any(|m| !m.sd.is_empty()) {
        " Thin bars are ± one standard deviation among models."
    } else {
        ""
    };
    Caption::new(
        format!(
            "Which bases of {} drive the {what} of {}, by {}.",
            first.sequence, first.task, first.method
        ),
        format!(
            "Taller letters matter more ({scale}); letters above the line raise the prediction, those below lower it. All maps share one scale.{zoomed}{bars}"
        ),
        "The same short runs of tall letters (binding motifs) appear in every map. Scattered letters that change from network to network are noise.",
    )
}

/// A motif: letters by probability and information.
fn motif(map: &Logo, file: String, svg: String) -> Figure {
    Figure {
        name: file,
        tab: map.sequence.clone(),
        svg,
        caption: Caption::new(
            format!("The motif {} as an information logo.", map.sequence),
            "The height of a position is its information in bits (2 for one certain base, 0 for none), shared among the letters by probability.",
            "The letters of a map that is named after the motif spell its tall positions.",
        ),
    }
}

fn tab(map: &Logo) -> String {
    let part = if map.part == Part::Mean {
        String::new()
    } else {
        format!(", {}", map.part.label())
    };
    format!("{} ({}{part})", map.sequence, map.method)
}

fn position_axis(range: &Range<usize>) -> Axis {
    Axis::fixed(
        "",
        range.start as f64,
        range.end.max(range.start + 1) as f64,
    )
}

/// Round positions only; a letter spans from its position to the next, so its middle is half
/// further.
fn thin_ticks(panel: &mut Panel) {
    let ticks: Vec<f64> = panel
        .x
        .ticks()
        .iter()
        .map(|t| t.0)
        .filter(|v| v.fract().abs() < 1e-9)
        .collect();
    panel.x = panel.x.clone().with_ticks(ticks);
}

fn frame(svg: &mut Svg, panel: &Panel, title: &str, map: &Logo) {
    let bottom = panel.top + panel.height;
    for (value, label) in panel
        .y
        .ticks()
        .iter()
        .step_by(if panel.height < 100.0 { 2 } else { 1 })
    {
        let y = panel.py(*value);
        svg.line(panel.left - 4.0, y, panel.left, y)
            .stroke(palette::AXIS, 1.0)
            .end();
        svg.text(panel.left - 8.0, y + 3.6, 10.5, Anchor::End)
            .fill(palette::MUTED)
            .words(label);
    }
    for (value, label) in panel.x.ticks() {
        let x = panel.px(*value);
        svg.line(x, bottom, x, bottom + 4.0)
            .stroke(palette::AXIS, 1.0)
            .end();
        svg.text(x, bottom + 16.0, 10.5, Anchor::Middle)
            .fill(palette::MUTED)
            .words(label);
    }
    svg.line(panel.left, panel.top, panel.left, bottom)
        .stroke(palette::AXIS, 1.0)
        .end();
    if !title.is_empty() {
        svg.rect(panel.left, panel.top - 22.0, 10.0, 10.0)
            .fill(palette::kind(map.kind))
            .end();
        svg.text(panel.left + 16.0, panel.top - 12.5, 13.0, Anchor::Start)
            .bold()
            .words(title);
    }
}

fn letters(svg: &mut Svg, panel: &Panel, map: &Logo, range: Range<usize>, clip: &str) {
    // Between two positions of the panel: an axis says no more than "far outside" of the others.
    let step = panel.px(range.start as f64 + 1.0) - panel.px(range.start as f64);
    let step = if step.abs() > 0.0 { step } else { 1.0 };
    spans(svg, panel, map, &range);
    svg.clip(clip, panel.left, panel.top, panel.width, panel.height);
    let zero = panel.py(0.0);
    svg.line(panel.left, zero, panel.left + panel.width, zero)
        .stroke(palette::AXIS, 1.0)
        .end();
    for i in range {
        let Some(heights) = map.heights.get(i) else {
            break;
        };
        let x = panel.left + (panel.x.at(i as f64)) * panel.width;
        stack(svg, panel, heights, (x, step), i, map);
        let sd = map.sd.get(i).copied().unwrap_or(f64::NAN);
        if sd.is_finite() && sd > 0.0 && step >= 7.0 {
            let (down, up) = stack_ends(heights);
            let tip = if up >= -down { up } else { down };
            if tip.abs() > 0.0 {
                let middle = x + step / 2.0;
                svg.line(middle, panel.py(tip - sd), middle, panel.py(tip + sd))
                    .stroke(palette::INK, 1.0)
                    .a("stroke-opacity", "0.7")
                    .end();
            }
        }
    }
    svg.close();
}

/// Letters of one position: positive ones upwards with the largest on top, negative ones downwards
/// with the largest at the bottom.
fn stack(
    svg: &mut Svg,
    panel: &Panel,
    heights: &[f64; 4],
    (x, step): (f64, f64),
    position: usize,
    map: &Logo,
) {
    let mut order = [0usize, 1, 2, 3];
    order.sort_by(|a, b| heights[*a].abs().total_cmp(&heights[*b].abs()));
    let (mut up, mut down) = (0.0f64, 0.0f64);
    for base in order {
        let height = heights[base];
        if !height.is_finite() || height == 0.0 {
            continue;
        }
        let start = if height > 0.0 { &mut up } else { &mut down };
        let (from, to) = (panel.py(*start), panel.py(*start + height));
        *start += height;
        let (top, tall) = (from.min(to), (from - to).abs());
        let width = step * 0.96;
        let color = palette::BASES[base];
        let sd = map
            .sd
            .get(position)
            .filter(|sd| sd.is_finite())
            .map_or(String::new(), |sd| format!(" ± {}", number(*sd)));
        let tip = format!(
            "position {position}\n{} {}{sd}",
            BASES[base],
            number(height)
        );
        // A letter flatter than half a percent of the panel is a line to the eye.
        if tall < 0.005 * panel.height {
            if map.form == LogoForm::Observed && tall > 0.05 {
                svg.rect(x, top, width, tall.max(0.3)).fill(color).end();
            }
            continue;
        }
        let flip = height < 0.0 && !map.upright_negative;
        let transform = if flip {
            format!(
                "matrix({} 0 0 {} {} {})",
                scale(width),
                scale(-tall),
                px(x),
                px(top + tall)
            )
        } else {
            format!(
                "matrix({} 0 0 {} {} {})",
                scale(width),
                scale(tall),
                px(x),
                px(top)
            )
        };
        let glyph = svg
            .path(GLYPHS[base])
            .fill(color)
            .a("transform", &transform);
        // Tooltips on the enlarged stretch only: thousands of them would weigh more than the
        // picture.
        if step >= 7.0 {
            glyph.tip(&tip);
        } else {
            glyph.end();
        }
    }
}

/// Scale of a glyph that is 100 wide or high.
fn scale(pixels: f64) -> String {
    format!("{:.5}", pixels / 100.0)
}

fn spans(svg: &mut Svg, panel: &Panel, map: &Logo, range: &Range<usize>) {
    for span in &map.spans {
        let (start, end) = (span.start.max(range.start), span.end.min(range.end));
        if start >= end {
            continue;
        }
        let (x1, x2) = (panel.px(start as f64), panel.px(end as f64));
        svg.rect(x1, panel.top, x2 - x1, panel.height)
            .a("fill", "none")
            .stroke(palette::MUTED, 1.0)
            .dash("3 2")
            .a("rx", "2")
            .tip(&format!("{}: {} to {}", span.label, span.start, span.end));
        if text_width(&span.label, 10.5) < (x2 - x1) + 30.0 {
            svg.text(f64::midpoint(x1, x2), panel.top - 3.0, 10.5, Anchor::Middle)
                .fill(palette::MUTED)
                .words(&span.label);
        }
    }
}
