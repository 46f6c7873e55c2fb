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
    /// Threads; results do not depend on it.
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
    /// Column of the names [default: `id`, `name` or similar, else row numbers].
    #[arg(long, value_name = "NAME", requires = "table")]
    pub(crate) id_column: Option<String>,
    /// Skip sequences of a wrong length or with letters that are no bases, and count them.
    #[arg(long)]
    pub(crate) skip_invalid: bool,
}

/// Component of a prediction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PartArg {
    /// Mean prediction.
    #[default]
    Mean,
    /// Epistemic uncertainty: standard deviation between members, or a student's estimate of it.
    Epistemic,
    /// Aleatoric uncertainty: standard deviation between replicates.
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
    /// Loci of the sequences by name (column 4); with `--genome`, the intervals to explain.
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
    /// Component of the prediction to explain.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) part: PartArg,
    /// File of the maps: .npz for `modisco motifs`, .h5, .tsv or .tsv.gz.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// bedGraph file of the observed attributions of the ensemble or first model.
    #[arg(long, value_name = "FILE")]
    pub(crate) bedgraph: Option<PathBuf>,
    /// bigWig file of the same track.
    #[arg(long, value_name = "FILE")]
    pub(crate) bigwig: Option<PathBuf>,
    /// Lengths of chromosomes for `--bigwig`: `chrom.sizes` or `.fai` [default: the ends of the
    /// loci].
    #[arg(long, value_name = "FILE", requires = "bigwig")]
    pub(crate) chrom_sizes: Option<PathBuf>,
    /// Seed of references and noise.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Sequences per batch; memory grows with it, results change by rounding only.
    #[arg(long, default_value_t = 16, value_parser = positive)]
    pub(crate) batch: usize,
}

/// Reference alleles that the genome does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum MismatchArg {
    /// Skip them up to 1 %; an error above.
    #[default]
    Few,
    /// An error.
    Error,
    /// Skip them.
    Skip,
    /// Swap reference and alternate alleles where that matches; skip the others.
    Swap,
}

/// Flank of an insertion or deletion that keeps its place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum AnchorArg {
    /// Bases before the variant stay; the window is extended or cut on the right.
    #[default]
    Right,
    /// Bases after the variant stay; the window is extended or cut on the left.
    Left,
}

/// Windows that leave their chromosome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum EdgeArg {
    /// Skip the variant and flag it.
    #[default]
    Skip,
    /// Fill with N.
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
    /// Variants as a table (chromosome, 1-based position, ref, alt); measured effects of saturation
    /// mutagenesis are compared with predictions.
    #[arg(long, value_name = "FILE")]
    pub(crate) table: Option<PathBuf>,
    /// Genome: FASTA with or without an index, bgzip with one, or gzip.
    #[arg(long, value_name = "FILE")]
    pub(crate) genome: PathBuf,
    /// Output file: .tsv, .csv or .vcf, gzip if it ends with `.gz` [default: a table on stdout].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Table of the agreement with the measurements of `--table` [default: stdout if `--output` is
    /// given].
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
    /// 0-based position of the variant in the element [default: length/2 - 1].
    #[arg(long, value_name = "BP")]
    pub(crate) offset: Option<usize>,
    /// Average over windows shifted by up to this many bp in both directions.
    #[arg(long, default_value_t = 0, value_name = "BP")]
    pub(crate) shift: usize,
    /// Predict one strand; without it, both strands are averaged.
    #[arg(long)]
    pub(crate) one_strand: bool,
    /// Take `chr1` and `1` as the same chromosome.
    #[arg(long)]
    pub(crate) unify_names: bool,
    /// Level of the intervals.
    #[arg(long, default_value_t = 0.95, value_parser = level)]
    pub(crate) level: f64,
    /// Variants per batch.
    #[arg(long, default_value_t = 256, value_parser = positive)]
    pub(crate) batch: usize,
}

/// Motifs.
#[derive(Debug, Args)]
pub(crate) struct MotifArgs {
    /// A motif as IUPAC letters, as in TGANTCA (N keeps the base of the sequence); may be given
    /// several times.
    #[arg(long, value_name = "LETTERS")]
    pub(crate) motif: Vec<String>,
    /// Motifs of a MEME file, plain or gzip.
    #[arg(long, value_name = "FILE")]
    pub(crate) meme: Option<PathBuf>,
    /// Only these motifs of the file, by id or name; may be given several times.
    #[arg(long, value_name = "NAME", requires = "meme")]
    pub(crate) name: Vec<String>,
    /// Table of effects: comma-separated if the name ends with `.csv`, else tab-separated; gzip if
    /// it ends with `.gz` [default: stdout].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Table of every background or hit.
    #[arg(long, value_name = "FILE")]
    pub(crate) each: Option<PathBuf>,
    /// Level of the intervals.
    #[arg(long, default_value_t = 0.95, value_parser = level)]
    pub(crate) level: f64,
    /// Seed of backgrounds, replacements and resamples.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Predict one strand; without it, both strands are averaged.
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
    /// Background sequences.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) background: BackgroundArg,
    /// Number of backgrounds.
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub(crate) backgrounds: usize,
    /// GC content of random backgrounds, 0 to 1.
    #[arg(long, default_value_t = 0.5, value_name = "SHARE")]
    pub(crate) gc: f64,
    /// 0-based position of the motif in the element [default: centred].
    #[arg(long, value_name = "BP")]
    pub(crate) start: Option<usize>,
    /// Place the reverse complement of each motif too.
    #[arg(long)]
    pub(crate) both_orientations: bool,
    /// Place sequences sampled from the motif instead of its consensus.
    #[arg(long)]
    pub(crate) sample: bool,
}

/// Replacements of motifs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReplacementArg {
    /// Uniform dinucleotide shuffles of the replaced bases.
    #[default]
    Dinucleotide,
    /// Shuffles of the replaced bases.
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
    /// Largest p-value of a hit, against uniform random bases.
    #[arg(long, default_value_t = 1e-4, value_name = "P")]
    pub(crate) p_value: f64,
    /// bp on both sides of a hit that are replaced with it.
    #[arg(long, default_value_t = 2, value_name = "BP")]
    pub(crate) flank: usize,
    /// Replacement of a hit.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) replacement: ReplacementArg,
    /// Replacements of each hit.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) replacements: usize,
    /// Sequences per batch.
    #[arg(long, default_value_t = 256, value_parser = positive)]
    pub(crate) batch: usize,
}
