//! What the commands on finished models share.

use std::{
    borrow::Cow,
    io::{self, BufWriter, IsTerminal, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use degu_apply::{InputSpec, ModelSet, Scorer, SequenceReader, Window, motifs::motifs};
use degu_genome::Motif;
use degu_train::Device;
use degu_workflow::plan::show_count;
use flate2::{Compression, write::GzEncoder};
use fs_err::File;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::{
    CliError, Result,
    args::{ModelArgs, MotifArgs, ProgressMode, SequenceArgs},
    output::Output,
};

/// Opens the models of a command.
pub(super) fn models(args: &ModelArgs) -> Result<ModelSet> {
    degu_core::registry::validate()?;
    Ok(ModelSet::open(&args.model, &args.only)?)
}

/// The device of a command.
pub(super) fn device(command: &'static str, args: &ModelArgs) -> Result<Device> {
    Device::try_from(args.device.clone()).map_err(|problem| CliError::Usage { command, problem })
}

/// Opens the models for predictions.
pub(super) fn scorer(
    command: &'static str,
    args: &ModelArgs,
    models: &ModelSet,
    strands: bool,
) -> Result<Scorer> {
    let device = device(command, args)?;
    Ok(Scorer::open(models, &device, args.threads, strands, 1024)?)
}

/// Motifs, models and scorer of `ablate` and `marginalize`.
pub(super) fn with_motifs(
    command: &'static str,
    args: &ModelArgs,
    wanted: &MotifArgs,
) -> Result<(Vec<Motif>, ModelSet, Scorer)> {
    let motifs = motifs(&wanted.motif, wanted.meme.as_deref(), &wanted.name)?;
    let models = models(args)?;
    models.need_scalar("effects of motifs")?;
    let scorer = scorer(command, args, &models, !wanted.one_strand)?;
    Ok((motifs, models, scorer))
}

/// Effects of motifs: `lines` for people and files, `each` for every background or hit.
pub(super) fn write_effects<E: Serialize>(
    args: &MotifArgs,
    effects: &[E],
    lines: impl FnOnce() -> String,
    each: impl FnOnce() -> String,
    output: &mut Output,
) -> Result<()> {
    #[derive(Serialize)]
    struct Effects<'a, E> {
        effects: &'a [E],
    }
    if let Some(path) = &args.each {
        let mut sink = TableSink::open(Some(path))?;
        sink.write(&each(), output)?;
        sink.finish()?;
    }
    if output.is_json() && args.output.is_none() {
        return output.result(&Effects { effects }, String::new);
    }
    let mut sink = TableSink::open(args.output.as_deref())?;
    sink.write(&lines(), output)?;
    sink.finish()
}

/// Opens the sequences of a command.
pub(super) fn sequences(args: &SequenceArgs, window: Window) -> Result<SequenceReader> {
    Ok(SequenceReader::open(&input(args), window)?)
}

pub(super) fn input(args: &SequenceArgs) -> InputSpec {
    InputSpec {
        fasta: args.fasta.clone(),
        table: args.table.clone(),
        sequence_column: args.sequence_column.clone(),
        id_column: args.id_column.clone(),
        skip_invalid: args.skip_invalid,
        ..InputSpec::default()
    }
}

/// Writes a line to stderr.
pub(super) fn say(line: &str) {
    let _closed = writeln!(io::stderr(), "{line}");
}

/// Counts what is done, on stderr.
pub(super) struct Counter {
    mode: ProgressMode,
    what: &'static str,
    bar: Option<ProgressBar>,
    said: usize,
}

impl Counter {
    pub(super) fn new(mode: ProgressMode, what: &'static str) -> Self {
        let bar = (mode == ProgressMode::Auto && io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({per_sec})") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self {
            mode,
            what,
            bar,
            said: 0,
        }
    }

    /// `done` are done.
    pub(super) fn at(&mut self, done: usize) {
        if let Some(bar) = &self.bar {
            bar.set_position(done as u64);
            bar.set_message(format!("{} {}", show_count(done), self.what));
            return;
        }
        // Lines: at every doubling, so that long work stays short to read.
        if done < 1.max(self.said * 2) {
            return;
        }
        match self.mode {
            ProgressMode::Plain => say(&format!("{} {}", show_count(done), self.what)),
            ProgressMode::Json => say(&serde_json::json!({ "done": done }).to_string()),
            ProgressMode::Auto | ProgressMode::None => {}
        }
        self.said = done;
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A table on its way to stdout or to a file that appears whole or not at all.
pub(super) struct TableSink {
    to: Destination,
    /// Whether fields are separated by commas in the file, whose name asks for it (`.csv`,
    /// `.csv.gz`).
    commas: bool,
}

enum Destination {
    Stdout,
    Plain(BufWriter<File>, Target),
    Gzip(Box<GzEncoder<BufWriter<File>>>, Target),
}

/// A file that gets its name when it is whole; a partial file is removed.
pub(super) struct Target {
    path: PathBuf,
    /// Where it is written; `None` for a device or pipe, which is written to as it is.
    partial: Option<PathBuf>,
}

impl Target {
    fn create(path: &Path) -> Result<(BufWriter<File>, Self)> {
        let whole = fs_err::metadata(path).is_ok_and(|data| !data.is_file() && !data.is_dir());
        let partial = (!whole).then(|| path.with_added_extension("partial"));
        let file = File::create(partial.as_deref().unwrap_or(path))?;
        let path = path.to_owned();
        Ok((BufWriter::new(file), Self { path, partial }))
    }

    fn publish(mut self) -> Result<()> {
        if let Some(partial) = self.partial.take() {
            fs_err::rename(partial, &self.path)?;
        }
        Ok(())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some(partial) = &self.partial {
            // The error before this one is reported.
            let _already_gone = fs_err::remove_file(partial);
        }
    }
}

impl TableSink {
    /// For lines of fields separated by tabs.
    pub(super) fn open(path: Option<&Path>) -> Result<Self> {
        Ok(Self {
            commas: path.is_some_and(|path| {
                ends_in(path, "csv")
                    || (ends_in(path, "gz") && ends_in(&path.with_extension(""), "csv"))
            }),
            ..Self::verbatim(path)?
        })
    }

    /// For lines that are no table, such as JSON.
    pub(super) fn verbatim(path: Option<&Path>) -> Result<Self> {
        Ok(Self {
            to: Destination::open(path)?,
            commas: false,
        })
    }

    /// Writes lines, each with its end.
    pub(super) fn write(&mut self, text: &str, output: &mut Output) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let bytes = if self.commas {
            Cow::Owned(comma_separated(text)?)
        } else {
            Cow::Borrowed(text.as_bytes())
        };
        match &mut self.to {
            Destination::Stdout => output.text(text)?,
            Destination::Plain(writer, _) => writer.write_all(&bytes)?,
            Destination::Gzip(writer, _) => writer.write_all(&bytes)?,
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<()> {
        let (mut writer, target) = match self.to {
            Destination::Stdout => return Ok(()),
            Destination::Plain(writer, target) => (writer, target),
            Destination::Gzip(writer, target) => (writer.finish()?, target),
        };
        writer.flush()?;
        target.publish()
    }
}

/// Whether a file's name ends in `.extension`, in small or capital letters.
fn ends_in(path: &Path, extension: &str) -> bool {
    path.extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

impl Destination {
    fn open(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else {
            return Ok(Self::Stdout);
        };
        let (writer, target) = Target::create(path)?;
        if ends_in(path, "gz") {
            let writer = GzEncoder::new(writer, Compression::default());
            return Ok(Self::Gzip(Box::new(writer), target));
        }
        Ok(Self::Plain(writer, target))
    }
}

/// Lines of fields separated by tabs as CSV (RFC 4180 quotes, lines end with `\n`).
fn comma_separated(text: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut writer = csv::Writer::from_writer(&mut bytes);
    for line in text.lines() {
        writer
            .write_record(line.split('\t'))
            .map_err(io::Error::from)?;
    }
    writer.flush()?;
    drop(writer);
    Ok(bytes)
}

/// A number as a field: empty if there is none.
pub(super) fn field(value: Option<f64>) -> String {
    // Predictions have single precision; more digits carry no information.
    value.map_or_else(String::new, |v| (v as f32).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_with_a_comma_or_a_quote_are_quoted() {
        let text = "id\tmean\tlower\nchr1:1,000\t0.5\t\na \"b\"\t1\t-inf\n";
        let csv = String::from_utf8(comma_separated(text).unwrap()).unwrap();
        assert_eq!(
            csv,
            "id,mean,lower\n\"chr1:1,000\",0.5,\n\"a \"\"b\"\"\",1,-inf\n"
        );
    }
}
