//! `degu-lab predict`: means, standard deviations and intervals of sequences, in batches.

mod intervals;
mod writer;

use degu_apply::{InputSpec, SequenceReader, Window};
use degu_core::registry;
use degu_train::{Device, HostForecast, ModelCard, SavedModel};
use degu_workflow::plan::show_count;

use super::applied::{input, say};
use crate::{CliError, Result, args::PredictArgs, output::Output};

use intervals::Interval;
use writer::Writer;

pub(crate) fn run(args: &PredictArgs, output: &mut Output) -> Result<()> {
    registry::validate()?;
    let model = SavedModel::load(&args.model)?;
    let interval = Interval::of(&model.card, args)?;
    let device = Device::try_from(args.device.clone()).map_err(|problem| CliError::Usage {
        command: "predict",
        problem,
    })?;
    let mut backend = model.open(&device.open()?, args.threads.max(1))?;
    tracing::info!(backend = %backend.describe(), model = %model.card.name, "predicting");
    let window = Window::of(&model.card)?;
    let input = InputSpec {
        category_column: args.category_column.clone(),
        ..input(&args.sequences)
    };
    let mut reader = SequenceReader::open(&input, window)?;
    let mut writer = Writer::open(args.output.as_deref(), &model.card, output.is_json())?;
    let mut rows = 0usize;
    while let Some(batch) = reader.next_batch(args.batch.max(1))? {
        let n = batch.ids.len();
        let mut forecast = backend.predict(&batch.codes, n)?;
        if args.average_strands {
            let reversed = reader.window().reverse_strand(&batch.codes);
            average(&mut forecast, &backend.predict(&reversed, n)?);
        }
        let bounds = interval
            .as_ref()
            .map(|i| i.of_forecast(&forecast, &batch))
            .transpose()?;
        writer.write(&batch.ids, &forecast, bounds.as_ref(), output)?;
        rows += n;
    }
    writer.finish(output)?;
    say(&summary(rows, reader.skipped()));
    for line in promises(&model.card, interval.as_ref(), args.average_strands) {
        say(&line);
    }
    Ok(())
}

/// Means and standard deviations of both strands, averaged. Both predictions come from the same
/// weights, so a standard deviation is not divided by the root of two.
fn average(forward: &mut HostForecast, reverse: &HostForecast) {
    let mean = |a: &mut Vec<f32>, b: &[f32]| {
        for (a, b) in a.iter_mut().zip(b) {
            *a = (*a + b) * 0.5;
        }
    };
    mean(&mut forward.mean, &reverse.mean);
    let parts = [
        (&mut forward.epistemic, &reverse.epistemic),
        (&mut forward.aleatoric, &reverse.aleatoric),
    ];
    for (a, b) in parts {
        if let (Some(a), Some(b)) = (a, b) {
            mean(a, b);
        }
    }
    if let (Some((_, a)), Some((_, b))) = (&mut forward.quantiles, &reverse.quantiles) {
        mean(a, b);
    }
}

fn summary(rows: usize, skipped: usize) -> String {
    let mut text = format!("{} sequences predicted", show_count(rows));
    if skipped > 0 {
        text.push_str(&format!(", {} skipped", show_count(skipped)));
    }
    text
}

fn promises(card: &ModelCard, interval: Option<&Interval>, averaged: bool) -> Vec<String> {
    let Some(interval) = interval else {
        return Vec::new();
    };
    let mut lines = vec![format!("intervals: {}", interval.promise())];
    if averaged {
        lines.push(format!(
            "note: `{}` was calibrated without averaging strands: with `--average-strands` the guarantee is not proven",
            card.name
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strands_are_averaged_part_by_part() {
        let one = |mean: f32, epistemic: f32| HostForecast {
            rows: 1,
            width: 1,
            mean: vec![mean],
            epistemic: Some(vec![epistemic]),
            ..HostForecast::default()
        };
        let mut forward = one(1.0, 0.2);
        average(&mut forward, &one(3.0, 0.4));
        assert_eq!(forward.mean, [2.0]);
        assert!((forward.epistemic.unwrap()[0] - 0.3).abs() < 1e-6);
    }
}
