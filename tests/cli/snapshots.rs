//! Help, output and errors of every command, as a user sees them.
//!
//! `cargo insta review` shows what changes. Durations, sizes, keys, decimals and paths are replaced
//! because they depend on the machine.

use std::{fmt::Write as _, path::Path, process::Command};

use crate::support::{SMALL_STUDY, model};

/// Arguments of one command line.
type Line<'a> = &'a [&'a str];

fn ran(place: &Path, line: Line<'_>) -> String {
    let output = Command::new(assert_cmd::cargo::cargo_bin!("degu-lab"))
        .args(line)
        .current_dir(place)
        .env("COLUMNS", "100")
        .env_remove("DEGU_DATA")
        .output()
        .expect("the binary starts");
    let mut text = format!("$ degu-lab {}\n", line.join(" "));
    text.push_str(&String::from_utf8_lossy(&output.stdout));
    for line in String::from_utf8_lossy(&output.stderr).lines() {
        let _ = writeln!(text, "stderr: {line}");
    }
    if let Some(code) = output.status.code().filter(|code| *code != 0) {
        let _ = writeln!(text, "exit {code}");
    }
    text
}

/// Command lines with what they print, without what depends on the machine.
fn transcript(place: &Path, lines: &[Line<'_>]) -> String {
    let all: Vec<String> = lines.iter().map(|line| ran(place, line)).collect();
    if place == Path::new(".") {
        return stable(&all.join("\n"));
    }
    let real = place.canonicalize().unwrap();
    let text = all.join("\n").replace(real.to_str().unwrap(), "[folder]");
    stable(&text.replace(place.to_str().unwrap(), "[folder]"))
}

/// Replaces durations, sizes, keys, decimals, versions and counts of threads.
fn stable(text: &str) -> String {
    let mut all = String::new();
    for line in text.lines() {
        if line.trim().is_empty() {
            all.push('\n');
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        all.push_str(&line[..indent]);
        let words: Vec<&str> = line.trim().split(' ').collect();
        let mut i = 0;
        let mut blank = true;
        while i < words.len() {
            let word = words[i];
            // The width of a column depends on what is replaced.
            if word.is_empty() {
                if i == 0 || !words[i - 1].is_empty() {
                    all.push(' ');
                }
                i += 1;
                continue;
            }
            if !blank {
                all.push(' ');
            }
            blank = false;
            let next = words.get(i + 1).map_or("", |next| bare(next));
            let quantity = bare(word).parse::<f64>().is_ok();
            if quantity && ["s", "min", "h"].contains(&next) {
                all.push_str(&word.replace(bare(word), "[time]"));
                all.push_str(words[i + 1].strip_prefix(next).unwrap_or(""));
                i += 1;
            } else if quantity && ["B", "kB", "MB", "GB"].contains(&next) {
                all.push_str(&word.replace(bare(word), "[size]"));
                all.push_str(words[i + 1].strip_prefix(next).unwrap_or(""));
                i += 1;
            } else if quantity && next == "threads" {
                all.push_str("[n]");
            } else {
                all.push_str(&replaced(word));
            }
            i += 1;
        }
        all.push('\n');
    }
    all
}

/// A word without quotes and punctuation.
fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| "`\"'().,;:".contains(c))
}

fn replaced(word: &str) -> String {
    let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    if let Some(key) = word.strip_prefix("store/objects/") {
        return format!("store/objects/{}", key.replace(hex, ""));
    }
    // The line that registered a plugin.
    if let Some((file, _)) = word.rsplit_once(".rs:") {
        return format!("{file}.rs:[line])");
    }
    let fields: Vec<String> = word
        .split('\t')
        .map(|field| {
            let core = bare(field);
            if core == env!("CARGO_PKG_VERSION") {
                return field.replace(core, "[version]");
            }
            if core.len() >= 8
                && core.chars().all(hex)
                && core.contains(|c: char| c.is_ascii_digit())
            {
                return field.replace(core, "[key]");
            }
            let digits = core.rsplit_once('.').map_or(0, |(_, digits)| digits.len());
            if digits > 2 && core.parse::<f64>().is_ok() {
                return field.replace(core, "[decimal]");
            }
            field.to_owned()
        })
        .collect();
    fields.join("\t")
}

#[test]
fn help_of_every_command() {
    let here = Path::new(".");
    let mut commands: Vec<Line<'_>> = vec![&[]];
    commands.extend([
        &["config", "show"][..],
        &["data", "fetch"],
        &["data", "inspect"],
    ]);
    commands.extend([
        &["import", "keras"][..],
        &["plugins", "check"],
        &["plugins", "list"],
    ]);
    commands.extend([&["plugins", "new"][..], &["plugins", "show"]]);
    for name in [
        &["ablate"][..],
        &["attribute"],
        &["config"],
        &["data"],
        &["doctor"],
        &["gc"],
        &["help"],
        &["import"],
        &["ls"],
        &["marginalize"],
        &["plan"],
        &["plugins"],
        &["predict"],
        &["report"],
        &["resume"],
        &["run"],
        &["schema"],
        &["show"],
        &["status"],
        &["variants"],
        &["verify"],
        &["why"],
    ] {
        commands.push(name);
    }
    for command in commands {
        let name = format!("help {}", command.join(" "));
        let line = [command, &["--help"]].concat();
        insta::assert_snapshot!(name.trim().replace(' ', "-"), transcript(here, &[&line]));
    }
    insta::assert_snapshot!(
        "help-exit-codes",
        transcript(here, &[&["help", "exit-codes"]])
    );
}

/// Files that the commands read.
fn files(place: &Path) {
    let write = |name: &str, text: &str| fs_err::write(place.join(name), text).unwrap();
    let study = format!("[study]\nname = \"small\"\n{SMALL_STUDY}");
    write("small.toml", &study.replace("members = 3", "members = 2"));
    write(
        "wrong.toml",
        "[study]\nname = 1\n[trainin]\nepochs = \"x\"\n",
    );
    let element = "ACGTTGACTCATTGGCAACT";
    write(
        "two.fa",
        &format!(
            ">a\n{element}\n>b\n{}\n",
            element.replace("TGACTCA", "GGGGGGG")
        ),
    );
    write("letters.fa", ">a\nACGTTGACTCAT!GGCAACT\n");
    write("short.fa", ">a\nACGT\n");
    let table = "name\tsequence\tactivity\tpart\na\tACGTTGACTCATTGGCAACT\t1.5\ttrain\nb\tTTGCTGACTCATTGGCAACG\t\ttrain\nc\tACGTTGACTCATTGGCAACT\t0.25\ttest\n";
    write("table.tsv", table);
    write("numbers.tsv", "a\tb\n1\t2\n");
    write("genome.fa", &format!(">chr1\n{}\n", element.repeat(5)));
    write(
        "v.vcf",
        "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nchr1\t41\trs1\tA\tG\t.\t.\t.\nchr1\t42\trs2\tT\tG\t.\t.\t.\n",
    );
    write(
        "motif.meme",
        "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF MX made-up\nletter-probability matrix: alength= 4 w= 2 nsites= 20 E= 0\n 1 0 0 0\n 0 0 0 1\n",
    );
    model(&place.join("model"));
}

#[test]
fn output_and_errors_of_commands_on_files() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    files(place);
    let all: &[(&str, &[Line<'_>])] = &[
        ("no-command", &[&[], &["runn"], &["--format", "dot", "ls"]]),
        (
            "predict",
            &[
                &["predict", "model", "--fasta", "two.fa"],
                &[
                    "predict",
                    "model",
                    "--table",
                    "table.tsv",
                    "--interval",
                    "0.9",
                    "--average-strands",
                ],
                &["predict", "model", "--fasta", "short.fa", "--skip-invalid"],
                &["predict", "model"],
                &["predict", "nowhere", "--fasta", "two.fa"],
                &["predict", "model", "--fasta", "nowhere.fa"],
                &["predict", "model", "--fasta", "short.fa"],
                &["predict", "model", "--fasta", "letters.fa"],
                &["predict", "model", "--table", "numbers.tsv"],
                &["predict", "model", "--fasta", "two.fa", "--interval", "2"],
                &[
                    "predict",
                    "model",
                    "--fasta",
                    "two.fa",
                    "--interval",
                    "0.9",
                    "--calibration",
                    "man",
                ],
                &["predict", "model", "--fasta", "two.fa", "--device", "gpu"],
            ],
        ),
        (
            "attribute",
            &[
                &[
                    "attribute",
                    "model",
                    "--fasta",
                    "two.fa",
                    "--task",
                    "Dev",
                    "-o",
                    "maps.tsv",
                ],
                &["attribute", "model", "--fasta", "two.fa", "-o", "maps.tsv"],
                &[
                    "attribute",
                    "model",
                    "--fasta",
                    "two.fa",
                    "--task",
                    "Dv",
                    "-o",
                    "maps.tsv",
                ],
                &[
                    "attribute",
                    "model",
                    "--fasta",
                    "two.fa",
                    "--task",
                    "Dev",
                    "-o",
                    "maps.png",
                ],
                &["attribute", "model", "--task", "Dev", "-o", "maps.tsv"],
                &[
                    "attribute",
                    "model",
                    "--fasta",
                    "two.fa",
                    "--task",
                    "Dev",
                    "--part",
                    "aleatoric",
                    "-o",
                    "m.tsv",
                ],
                &[
                    "attribute",
                    "model",
                    "--fasta",
                    "two.fa",
                    "--task",
                    "Dev",
                    "--method",
                    "salience",
                    "-o",
                    "m.tsv",
                ],
                &[
                    "attribute",
                    "model",
                    "--fasta",
                    "two.fa",
                    "--task",
                    "Dev",
                    "--bedgraph",
                    "m.bg",
                    "-o",
                    "m.tsv",
                ],
            ],
        ),
        (
            "variants",
            &[
                &[
                    "variants",
                    "model",
                    "--vcf",
                    "v.vcf",
                    "--genome",
                    "genome.fa",
                    "--mismatch",
                    "skip",
                ],
                &[
                    "variants",
                    "model",
                    "--vcf",
                    "v.vcf",
                    "--genome",
                    "genome.fa",
                ],
                &["variants", "model", "--vcf", "v.vcf"],
                &[
                    "variants",
                    "model",
                    "--vcf",
                    "v.vcf",
                    "--genome",
                    "nowhere.fa",
                ],
                &[
                    "variants",
                    "model",
                    "--vcf",
                    "v.vcf",
                    "--genome",
                    "genome.fa",
                    "--offset",
                    "90",
                ],
                &[
                    "variants",
                    "model",
                    "--vcf",
                    "v.vcf",
                    "--genome",
                    "genome.fa",
                    "--model",
                    "student-0",
                ],
            ],
        ),
        (
            "marginalize",
            &[
                &[
                    "marginalize",
                    "model",
                    "--motif",
                    "TGACTCA",
                    "--background",
                    "random",
                    "--backgrounds",
                    "3",
                ],
                &["marginalize", "model", "--background", "random"],
                &["marginalize", "model", "--motif", "TGACTCA"],
                &["marginalize", "model", "--motif", "TG!"],
                &[
                    "marginalize",
                    "model",
                    "--motif",
                    "TGACTCA",
                    "--background",
                    "random",
                    "--gc",
                    "2",
                ],
                &[
                    "marginalize",
                    "model",
                    "--motif",
                    "TGACTCA",
                    "--background",
                    "random",
                    "--start",
                    "18",
                ],
                &[
                    "marginalize",
                    "model",
                    "--meme",
                    "motif.meme",
                    "--name",
                    "MY",
                    "--background",
                    "random",
                ],
            ],
        ),
        (
            "ablate",
            &[
                &[
                    "ablate",
                    "model",
                    "--motif",
                    "TGACTCA",
                    "--fasta",
                    "two.fa",
                    "--replacements",
                    "2",
                ],
                &["ablate", "model", "--motif", "TGACTCA"],
                &[
                    "ablate",
                    "model",
                    "--motif",
                    "TGACTCA",
                    "--fasta",
                    "two.fa",
                    "--replacements",
                    "1",
                ],
                &[
                    "ablate", "model", "--motif", "TGACTCA", "--fasta", "two.fa", "--level", "1",
                ],
            ],
        ),
        (
            "import",
            &[
                &["import", "keras", "nowhere.h5", "-o", "new"],
                &["import", "keras", "table.tsv", "-o", "new"],
                &[
                    "import",
                    "keras",
                    "table.tsv",
                    "-o",
                    "new",
                    "--architecture",
                    "deepstar",
                ],
                &[
                    "import",
                    "keras",
                    "table.tsv",
                    "-o",
                    "new",
                    "--spreads",
                    "both",
                ],
                &[
                    "import",
                    "keras",
                    "table.tsv",
                    "-o",
                    "new",
                    "--set",
                    "filters",
                ],
            ],
        ),
        (
            "data-inspect",
            &[
                &["data", "inspect", "table.tsv"],
                &["data", "inspect", "two.fa"],
                &["data", "inspect", "small.toml"],
                &["data", "inspect", "nowhere.tsv"],
                &["data", "inspect", "numbers.tsv"],
                &["data", "inspect", "letters.fa"],
            ],
        ),
        (
            "data-fetch",
            &[&["data", "fetch"], &["data", "fetch", "deepstar"]],
        ),
        (
            "config",
            &[
                &["config", "show", "small.toml"],
                &[
                    "config",
                    "show",
                    "small.toml",
                    "--origin",
                    "--set",
                    "training.epochs=3",
                ],
                &["config", "show", "nowhere.toml"],
                &["config", "show", "wrong.toml"],
                &["config", "show", "small.toml", "--set", "ensemble.member=3"],
                &["config", "show", "small.toml", "--set", "ensemble.members"],
            ],
        ),
        (
            "plugins",
            &[
                &["plugins", "list", "--slot", "metric"],
                &["plugins", "list", "--slot", "metrics"],
                &["plugins", "show", "spearman"],
                &["plugins", "show", "sperman"],
                &["plugins", "check", "spearman"],
                &["plugins", "check", "sperman"],
                &["plugins", "check", "deepstarr", "--set", "filter=[8]"],
                &["plugins", "new"],
            ],
        ),
        (
            "help-of-nothing",
            &[&["help", "predct"], &["help", "data", "fetc"]],
        ),
    ];
    for (name, lines) in all {
        insta::assert_snapshot!(*name, transcript(place, lines));
    }
}

#[test]
fn output_and_errors_of_commands_on_a_study() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    files(place);
    let all: &[(&str, &[Line<'_>])] = &[
        (
            "plan",
            &[
                &["plan", "small.toml"],
                &["plan", "nowhere.toml"],
                &["plan", "small.toml", "--sweep", "none"],
            ],
        ),
        (
            "run",
            &[
                &["run", "nowhere.toml"],
                &["run", "small.toml", "--set", "training.epochs=many"],
                &["run", "small.toml", "--only", "tran/*"],
                &["run", "small.toml", "--jobs", "0"],
                &["run", "small.toml", "--progress", "none"],
                &["run", "small.toml", "--progress", "none"],
            ],
        ),
        (
            "plan-of-a-finished-study",
            &[
                &["plan", "small.toml"],
                &["plan", "small.toml", "--set", "training.epochs=3"],
            ],
        ),
        (
            "why",
            &[
                &["why", "small.toml", "train/member-0"],
                &[
                    "why",
                    "small.toml",
                    "train/member-0",
                    "--set",
                    "training.epochs=3",
                ],
                &["why", "small.toml", "train/member-9"],
            ],
        ),
        (
            "status",
            &[&["status"], &["status", "small"], &["status", "smal"]],
        ),
        (
            "resume-and-report",
            &[
                &["resume", "small", "--progress", "none"],
                &["resume", "smal"],
                &["report", "small"],
                &["report", "nowhere"],
            ],
        ),
        (
            "ls",
            &[&["ls"], &["ls", "--stage", "train", "--study", "small"]],
        ),
        (
            "show",
            &[&["show", "prepare"], &["show", "prepar"], &["show", "ffff"]],
        ),
        (
            "gc",
            &[
                &["gc"],
                &["gc", "--runs", "nowhere"],
                &["gc", "--store", "small.toml"],
            ],
        ),
        (
            "verify",
            &[&["verify"], &["verify", "--store", "small.toml"]],
        ),
    ];
    for (name, lines) in all {
        insta::assert_snapshot!(*name, transcript(place, lines));
    }
}
