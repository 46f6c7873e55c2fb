//! The files that maps become.

use std::{
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
};

use degu_core::Form;
use degu_genome::{Hdf5Dataset, Hdf5Type, Hdf5Writer, NpzStream, NpzType, decode, modisco_script};
use flate2::{Compression, write::GzEncoder};
use fs_err::File;
use serde_json::{Value, json};

use super::{
    MapRun,
    compute::observed,
    shards::{Shard, write_whole},
};
use crate::{ApplyError, Result};

/// Format of a file of maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapFormat {
    /// NumPy archives as `modisco motifs` reads them: one array `arr_0` of `[N, 4, L]` in each.
    Npz,
    /// One HDF5 file, `hyp_scores` and `input_seqs` of `[N, L, 4]`.
    Hdf5,
    /// A table, one row a position; compressed if the name ends with `.gz`.
    Table,
}

impl MapFormat {
    /// The format that a name asks for.
    ///
    /// # Errors
    ///
    /// [`ApplyError::Argument`] for another ending.
    pub fn of(path: &Path) -> Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        match name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("npz") => Ok(Self::Npz),
            Some("h5" | "hdf5") => Ok(Self::Hdf5),
            Some("tsv" | "txt") => Ok(Self::Table),
            _ => Err(ApplyError::Argument {
                name: "--output",
                problem: format!(
                    "expected a name that ends with .npz, .h5, .tsv or .tsv.gz, found `{}`",
                    path.display()
                ),
            }),
        }
    }
}

/// Files written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exported {
    /// Their paths, the main one first.
    pub files: Vec<PathBuf>,
}

/// Writes the files of finished maps; each appears whole.
///
/// # Errors
///
/// [`ApplyError::Argument`] for maps that a format cannot hold (`modisco` reads hypothetical ones),
/// files that cannot be written.
pub fn export(run: &MapRun, output: &Path, format: MapFormat) -> Result<Exported> {
    match format {
        MapFormat::Npz => npz(run, output),
        MapFormat::Hdf5 => hdf5(run, output),
        MapFormat::Table => table(run, output),
    }
}

/// `maps.npz` and `sd` to `maps.sd.npz`.
fn beside(output: &Path, part: &str, ending: &str) -> PathBuf {
    let stem = output.file_stem().unwrap_or_default().to_string_lossy();
    output.with_file_name(format!("{stem}.{part}{ending}"))
}

fn manifest(run: &MapRun) -> Value {
    let mut manifest = run.manifest.clone();
    if let Value::Object(fields) = &mut manifest {
        fields.insert("form".to_owned(), json!(run.form));
        fields.insert("sequences".to_owned(), json!(run.rows));
        fields.insert("completeness".to_owned(), json!(run.completeness));
    }
    manifest
}

/// Rows of `[L, 4]` as rows of `[4, L]`.
fn transposed(values: &[f32], length: usize) -> Vec<f32> {
    let mut all = Vec::with_capacity(values.len());
    for row in values.chunks_exact(4 * length) {
        for base in 0..4 {
            all.extend(row.iter().skip(base).step_by(4));
        }
    }
    all
}

fn npz(run: &MapRun, output: &Path) -> Result<Exported> {
    if run.form != Form::Hypothetical {
        return Err(ApplyError::Argument {
            name: "--output",
            problem: "an .npz file is read by `modisco`, which needs hypothetical maps, and this method makes others; choose .h5 or .tsv".to_owned(),
        });
    }
    let shape = [run.rows, 4, run.length];
    let name = |path: &Path| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let sequences = beside(output, "ohe", ".npz");
    let mut files = vec![output.to_owned(), sequences.clone()];
    let mut one_hot = NpzStream::create(&sequences, "arr_0", NpzType::I8, &shape)?;
    run.each(|shard| {
        for row in shard.sequences.codes.chunks(run.length) {
            for base in 0..4 {
                let flags: Vec<i8> = row.iter().map(|code| i8::from(*code == base)).collect();
                one_hot.i8(&flags)?;
            }
        }
        Ok(())
    })?;
    one_hot.finish()?;
    for (g, group) in run.groups.iter().enumerate() {
        let first = |part: &str| {
            if g == 0 {
                beside(output, part, ".npz")
            } else {
                beside(output, &format!("{}.{part}", group.name), ".npz")
            }
        };
        let main = if g == 0 {
            output.to_owned()
        } else {
            let path = beside(output, &group.name, ".npz");
            files.push(path.clone());
            path
        };
        let several = spread(run, g);
        let write = |path: &Path, pick: &dyn Fn(&Shard) -> Option<Vec<f32>>| -> Result<()> {
            let mut stream = NpzStream::create(path, "arr_0", NpzType::F32, &shape)?;
            run.each(|shard| {
                stream.f32(&transposed(&pick(shard).unwrap_or_default(), run.length))?;
                Ok(())
            })?;
            Ok(stream.finish()?)
        };
        write(&main, &|shard| Some(shard.groups[g].mean.clone()))?;
        if several {
            let (sd, agreement) = (first("sd"), first("agreement"));
            write(&sd, &|shard| shard.groups[g].sd.clone())?;
            write(&agreement, &|shard| shard.groups[g].agreement.clone())?;
            files.extend([sd, agreement]);
        }
    }
    let names = beside(output, "ids", ".tsv");
    ids(run, &names)?;
    let script = beside(output, "modisco", ".sh");
    let text = modisco_script(&name(&sequences), &name(output), run.rows, run.length);
    write_whole(&script, text.as_bytes())?;
    let about = beside(output, "manifest", ".json");
    write_whole(&about, &serde_json::to_vec_pretty(&manifest(run))?)?;
    files.extend([names, script, about]);
    Ok(Exported { files })
}

/// Whether maps have a standard deviation: those of the mean of several models.
fn spread(run: &MapRun, group: usize) -> bool {
    run.groups[group].models.len() > 1 && run.manifest["part"] == json!("mean")
}

/// Names, loci and completeness errors, in the order of the arrays.
fn ids(run: &MapRun, path: &Path) -> Result<()> {
    let partial = path.with_added_extension("partial");
    let mut out = BufWriter::new(File::create(&partial)?);
    write!(
        out,
        "row\tid\tchromosome\tstart\tend\tstrand\telement_start\telement_length"
    )?;
    for group in &run.groups {
        write!(out, "\tcompleteness_error_{}", group.name)?;
    }
    writeln!(out)?;
    let mut row = 0;
    run.each(|shard| {
        let s = &shard.sequences;
        for (i, id) in s.ids.iter().enumerate() {
            write!(out, "{row}\t{id}")?;
            match &s.loci[i] {
                Some(l) => write!(
                    out,
                    "\t{}\t{}\t{}\t{}",
                    l.interval.chromosome, l.interval.start, l.interval.end, l.strand
                )?,
                None => write!(out, "\t\t\t\t")?,
            }
            write!(out, "\t{}\t{}", s.elements[i].0, s.elements[i].1)?;
            for maps in &shard.groups {
                match &maps.delta {
                    Some(delta) => write!(out, "\t{}", delta[i])?,
                    None => write!(out, "\t")?,
                }
            }
            writeln!(out)?;
            row += 1;
        }
        Ok(())
    })?;
    out.flush()?;
    Ok(fs_err::rename(&partial, path)?)
}

fn hdf5(run: &MapRun, output: &Path) -> Result<Exported> {
    let mut longest = 1;
    run.each(|shard| {
        longest = longest.max(
            shard
                .sequences
                .ids
                .iter()
                .map(String::len)
                .max()
                .unwrap_or(1),
        );
        Ok(())
    })?;
    let shape = vec![run.rows as u64, run.length as u64, 4];
    let array = |name: String, kind| Hdf5Dataset {
        name,
        shape: shape.clone(),
        kind,
    };
    let mut datasets = vec![
        array("input_seqs".to_owned(), Hdf5Type::I8),
        Hdf5Dataset {
            name: "ids".to_owned(),
            shape: vec![run.rows as u64],
            kind: Hdf5Type::Text(longest),
        },
    ];
    for (g, group) in run.groups.iter().enumerate() {
        let suffix = if g == 0 {
            String::new()
        } else {
            format!("_{}", group.name)
        };
        // The name that `modisco` knows is for the maps that it can use.
        let name = if run.form == Form::Hypothetical {
            "hyp_scores"
        } else {
            "scores"
        };
        datasets.push(array(format!("{name}{suffix}"), Hdf5Type::F32));
        if spread(run, g) {
            datasets.push(array(format!("sd{suffix}"), Hdf5Type::F32));
            datasets.push(array(format!("sign_agreement{suffix}"), Hdf5Type::F32));
        }
    }
    let about = serde_json::to_string(&manifest(run))?;
    let mut file = Hdf5Writer::create(output, &datasets, &[("degu-lab", &about)])?;
    run.each(|shard| {
        let one_hot = degu_genome::one_hot(&shard.sequences.codes);
        let flags: Vec<i8> = one_hot.into_iter().map(|v| v as i8).collect();
        file.i8(0, &flags)?;
        for id in &shard.sequences.ids {
            file.text(1, id)?;
        }
        let mut next = 2;
        for (g, maps) in shard.groups.iter().enumerate() {
            file.f32(next, &maps.mean)?;
            next += 1;
            if spread(run, g) {
                file.f32(next, maps.sd.as_deref().unwrap_or_default())?;
                file.f32(next + 1, maps.agreement.as_deref().unwrap_or_default())?;
                next += 2;
            }
        }
        Ok(())
    })?;
    file.finish()?;
    Ok(Exported {
        files: vec![output.to_owned()],
    })
}

fn table(run: &MapRun, output: &Path) -> Result<Exported> {
    let partial = output.with_added_extension("partial");
    let file = BufWriter::new(File::create(&partial)?);
    let compressed = output.extension().is_some_and(|e| e == "gz");
    if compressed {
        let mut out = GzEncoder::new(file, Compression::default());
        rows(run, &mut out)?;
        out.finish()?.flush()?;
    } else {
        let mut out = file;
        rows(run, &mut out)?;
        out.flush()?;
    }
    fs_err::rename(&partial, output)?;
    Ok(Exported {
        files: vec![output.to_owned()],
    })
}

/// One row a sequence, position and model: the value of the base that is there, its standard
/// deviation over members, and all four values.
fn rows(run: &MapRun, out: &mut impl std::io::Write) -> Result<()> {
    writeln!(
        out,
        "id\tmodel\tposition\tbase\tattribution\tsd\tsign_agreement\tA\tC\tG\tT"
    )?;
    run.each(|shard| {
        let s = &shard.sequences;
        for (i, id) in s.ids.iter().enumerate() {
            let codes = &s.codes[i * run.length..(i + 1) * run.length];
            let letters = decode(codes);
            for (group, maps) in run.groups.iter().zip(&shard.groups) {
                for (l, (code, letter)) in codes.iter().zip(letters.chars()).enumerate() {
                    let at = (i * run.length + l) * 4;
                    let four = &maps.mean[at..at + 4];
                    let value = observed(run.form, four, *code);
                    write!(out, "{id}\t{}\t{l}\t{letter}\t{value}", group.name)?;
                    for part in [&maps.sd, &maps.agreement] {
                        match part {
                            Some(values) if *code < 4 => {
                                write!(out, "\t{}", values[at + usize::from(*code)])?;
                            }
                            _ => write!(out, "\t")?,
                        }
                    }
                    for value in four {
                        write!(out, "\t{value}")?;
                    }
                    writeln!(out)?;
                }
            }
        }
        Ok(())
    })
}
