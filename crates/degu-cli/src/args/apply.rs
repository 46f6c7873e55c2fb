//! Commands on finished models: `attribute`, `variants`, `marginalize`, `ablate`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use degu_core::Component;

use super::{
    ProgressMode,
    number::{level, positive},
};

/// The models, and how they run.
#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// Folder of a model, such as `runs/NAME/models/student-0`, or of a run (all its members and
    /// students).
    #[arg(value_name = "MODEL|RUN")]
    pub(crate) model: PathBuf,
    /// Only these models of a run, as in `student-0`; `ensemble` is all members. May be given
    /// several times.
    #[arg(long = "model", value_name = "NAME")]
    pub(crate) only: Vec<String>,
    /// `auto`, `cpu` or `cuda:N`.
    #[arg(long, default_value = "auto")]
    pub(crate) device: String,
    /// Threads; the numbers do not depend on it.
    #[arg(long, default_value_t = 1, value_parser = positive)]
    pub(crate) threads: usize,
    /// Progress on stderr.
    #[arg(long, value_enum, default_value_t, value_name = "MODE")]
    pub(crate) progress: ProgressMode,
}

/// Sequences.
#[derive(Debug, Args)]
pub(crate) struct SequenceArgs {
    /// Sequences as FASTA, plain or gzip.
    #[arg(long, value_name = "FILE", conflicts_with = "table")]
    pub(crate) fasta: Option<PathBuf>,
    /// Sequences as a table with a header (tab or comma), plain or gzip.
    #[arg(long, value_name = "FILE")]
    pub(crate) table: Option<PathBuf>,
    /// Column of the sequences [default: `sequence`, `Sequence` or `seq`].
    #[arg(long, value_name = "NAME", requires = "table")]
    pub(crate) sequence_column: Option<String>,
    /// Column of the names [default: `id`, `name` or the like; row numbers without one].
    #[arg(long, value_name = "NAME", requires = "table")]
    pub(crate) id_column: Option<String>,
    /// Pass over sequences of a wrong length or with letters that are no bases, and count them.
    #[arg(long)]
    pub(crate) skip_invalid: bool,
}

/// Part of a prediction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PartArg {
    /// Predicted activity.
    #[default]
    Mean,
    /// Standard deviation between members, or a student's estimate of it.
    Epistemic,
    /// Standard deviation between replicates.
    Aleatoric,
}

impl From<PartArg> for Component {
    fn from(part: PartArg) -> Self {
        match part {
            PartArg::Mean => Self::Mean,
            PartArg::Epistemic => Self::Epistemic,
            PartArg::Aleatoric => Self::Aleatoric,
        }
    }
}

/// `degu-lab attribute`.
#[derive(Debug, Args)]
pub(crate) struct AttributeArgs {
    #[command(flatten)]
    pub(crate) models: ModelArgs,
    #[command(flatten)]
    pub(crate) sequences: SequenceArgs,
    /// Loci of the sequences by name (column 4), or, with `--genome`, the sequences themselves.
    #[arg(long, value_name = "FILE")]
    pub(crate) bed: Option<PathBuf>,
    /// Genome that the intervals of `--bed` are cut from: FASTA with or without an index, bgzip
    /// with one, or gzip.
    #[arg(long, value_name = "FILE", requires = "bed")]
    pub(crate) genome: Option<PathBuf>,
    /// Attribution plugin (`degu-lab plugins list --slot attributor`).
    #[arg(long, default_value = "saliency", value_name = "PLUGIN")]
    pub(crate) method: String,
    /// A parameter of the method, as in `--set gradient_correction=false`; may be given several
    /// times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Task [default: the only one].
    #[arg(long, value_name = "NAME")]
    pub(crate) task: Option<String>,
    /// Part of the prediction that is explained.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) part: PartArg,
    /// Maps: .npz as `modisco motifs` reads them, .h5, .tsv or .tsv.gz.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Observed attributions of the first model or ensemble along the genome, as bedGraph.
    #[arg(long, value_name = "FILE")]
    pub(crate) bedgraph: Option<PathBuf>,
    /// The same as bigWig.
    #[arg(long, value_name = "FILE")]
    pub(crate) bigwig: Option<PathBuf>,
    /// Lengths of chromosomes for `--bigwig`: `chrom.sizes` or `.fai` [default: the ends of the
    /// loci].
    #[arg(long, value_name = "FILE", requires = "bigwig")]
    pub(crate) chrom_sizes: Option<PathBuf>,
    /// Seed of references and noise.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Sequences in a network at once; memory grows with it, numbers do not change beyond rounding.
    #[arg(long, default_value_t = 16, value_parser = positive)]
    pub(crate) batch: usize,
}

/// Reference alleles that the genome does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum MismatchArg {
    /// Leave them out up to 1 %, an error above.
    #[default]
    Few,
    /// The first one is an error.
    Error,
    /// Leave them out.
    Skip,
    /// Swap alleles that are the wrong way round, leave the others out.
    Swap,
}

/// Flank of an insertion or deletion that keeps its place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum AnchorArg {
    /// Bases before the variant stay; the window is filled up or cut on the right.
    #[default]
    Right,
    /// Bases after the variant stay.
    Left,
}

/// Windows that leave their chromosome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum EdgeArg {
    /// Leave the variant out, with a flag.
    #[default]
    Skip,
    /// Fill up with N.
    Pad,
}

/// `degu-lab variants`.
#[derive(Debug, Args)]
pub(crate) struct VariantsArgs {
    #[command(flatten)]
    pub(crate) models: ModelArgs,
    /// Variants as VCF, plain, gzip or bgzip.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "table",
        required_unless_present = "table"
    )]
    pub(crate) vcf: Option<PathBuf>,
    /// Variants as a table (chromosome, position from 1, ref, alt): saturation mutagenesis is
    /// scored against its measurements.
    #[arg(long, value_name = "FILE")]
    pub(crate) table: Option<PathBuf>,
    /// Genome: FASTA with or without an index, bgzip with one, or gzip.
    #[arg(long, value_name = "FILE")]
    pub(crate) genome: PathBuf,
    /// Where to write: .tsv, .csv or .vcf, compressed if it ends with `.gz` [default: a table on
    /// stdout].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Scores against the measurements of `--table`, as a table [default: on stdout if `--output`
    /// is given].
    #[arg(long, value_name = "FILE", requires = "table")]
    pub(crate) scores: Option<PathBuf>,
    /// Reference alleles that the genome does not have.
    #[arg(long, value_enum, default_value_t, value_name = "POLICY")]
    pub(crate) mismatch: MismatchArg,
    /// Flank of an indel that keeps its place.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) anchor: AnchorArg,
    /// Windows that leave their chromosome.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) edge: EdgeArg,
    /// Base of the element, from 0, that is the variant's first [default: length/2 - 1].
    #[arg(long, value_name = "BP")]
    pub(crate) offset: Option<usize>,
    /// Average over windows moved by up to this many bp to both sides.
    #[arg(long, default_value_t = 0, value_name = "BP")]
    pub(crate) shift: usize,
    /// Predict one strand only; both are averaged without it.
    #[arg(long)]
    pub(crate) one_strand: bool,
    /// Take `chr1` and `1` as the same chromosome.
    #[arg(long)]
    pub(crate) unify_names: bool,
    /// Level of the intervals.
    #[arg(long, default_value_t = 0.95, value_parser = level)]
    pub(crate) level: f64,
    /// Variants at once.
    #[arg(long, default_value_t = 256, value_parser = positive)]
    pub(crate) batch: usize,
}

/// Motifs.
#[derive(Debug, Args)]
pub(crate) struct MotifArgs {
    /// A motif as letters, as in TGANTCA (N keeps the background's base); may be given several
    /// times.
    #[arg(long, value_name = "LETTERS")]
    pub(crate) motif: Vec<String>,
    /// Motifs of a MEME file, plain or gzip.
    #[arg(long, value_name = "FILE")]
    pub(crate) meme: Option<PathBuf>,
    /// Only these motifs of the file, by id or name; may be given several times.
    #[arg(long, value_name = "NAME", requires = "meme")]
    pub(crate) name: Vec<String>,
    /// Table of the effects: tabs, commas if it ends with `.csv`, compressed if with `.gz`
    /// [default: stdout].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Every background or hit, as a table.
    #[arg(long, value_name = "FILE")]
    pub(crate) each: Option<PathBuf>,
    /// Level of the intervals.
    #[arg(long, default_value_t = 0.95, value_parser = level)]
    pub(crate) level: f64,
    /// Seed of backgrounds, replacements and resamples.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Predict one strand only; both are averaged without it.
    #[arg(long)]
    pub(crate) one_strand: bool,
}

/// Backgrounds of motifs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackgroundArg {
    /// Uniform dinucleotide shuffles of the given sequences.
    #[default]
    Shuffles,
    /// The given sequences as they are.
    Sequences,
    /// Independent bases of the GC content of `--gc`.
    Random,
}

/// `degu-lab marginalize`.
#[derive(Debug, Args)]
pub(crate) struct MarginalizeArgs {
    #[command(flatten)]
    pub(crate) models: ModelArgs,
    #[command(flatten)]
    pub(crate) sequences: SequenceArgs,
    #[command(flatten)]
    pub(crate) motifs: MotifArgs,
    /// What motifs are put into.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) background: BackgroundArg,
    /// Number of backgrounds.
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub(crate) backgrounds: usize,
    /// GC content of random backgrounds, 0 to 1.
    #[arg(long, default_value_t = 0.5, value_name = "SHARE")]
    pub(crate) gc: f64,
    /// First base of the motif in the element, from 0 [default: centred].
    #[arg(long, value_name = "BP")]
    pub(crate) start: Option<usize>,
    /// Put the other strand of each motif as well.
    #[arg(long)]
    pub(crate) both_orientations: bool,
    /// Put draws from the motif, not its consensus.
    #[arg(long)]
    pub(crate) sample: bool,
}

/// What takes the place of a motif.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReplacementArg {
    /// Uniform dinucleotide shuffles of the stretch.
    #[default]
    Dinucleotide,
    /// Shuffles of its bases.
    Mononucleotide,
    /// Random bases of the sequence's GC content.
    Random,
}

/// `degu-lab ablate`.
#[derive(Debug, Args)]
pub(crate) struct AblateArgs {
    #[command(flatten)]
    pub(crate) models: ModelArgs,
    #[command(flatten)]
    pub(crate) sequences: SequenceArgs,
    #[command(flatten)]
    pub(crate) motifs: MotifArgs,
    /// Largest p-value of a hit, in uniform random bases.
    #[arg(long, default_value_t = 1e-4, value_name = "P")]
    pub(crate) p_value: f64,
    /// bp on both sides of a hit that go with it.
    #[arg(long, default_value_t = 2, value_name = "BP")]
    pub(crate) flank: usize,
    /// What takes the place of a hit.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) replacement: ReplacementArg,
    /// Replacements of each hit.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) replacements: usize,
    /// Sequences in memory at once.
    #[arg(long, default_value_t = 256, value_parser = positive)]
    pub(crate) batch: usize,
}
