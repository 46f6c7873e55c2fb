//! `attribute`.

use degu_genome::{BaseAxis, BaseOrder, Hdf5File, codes_from_one_hot, decode, read_npz};
use serde_json::Value;

use super::{ELEMENT, Place, close, fasta, letters, numbers};
use crate::support::{LENGTH, columns, ok, run};

/// Attributions of a table, row by row.
fn table(place: &Place, model: &str, input: &str, output: &str, more: &[&str]) -> String {
    let (model, input, path) = (place.path(model), place.path(input), place.path(output));
    let mut arguments = vec![
        "attribute",
        &model,
        "--fasta",
        &input,
        "--task",
        "Hk",
        "-o",
        &path,
    ];
    arguments.extend(more);
    ok(&arguments);
    place.read(output)
}

#[test]
fn an_ensemble_is_the_mean_of_its_members_with_their_spread() {
    let place = Place::new();
    place.write("x.fa", &fasta(5));
    let all = columns(&table(&place, "run", "x.fa", "all.tsv", &[]));
    assert_eq!(all["id"].len(), 5 * LENGTH * 2, "ensemble and student");
    let pick = |name: &str, column: &str| -> Vec<f64> {
        let rows = all["model"].iter().zip(&all[column]);
        let own: Vec<String> = rows
            .filter(|(m, _)| *m == name)
            .map(|(_, v)| v.clone())
            .collect();
        numbers(&own)
    };
    let members: Vec<Vec<f64>> = (0..3)
        .map(|k| {
            let model = format!("run/models/member-{k}");
            numbers(&columns(&table(&place, &model, "x.fa", "one.tsv", &[]))["attribution"])
        })
        .collect();
    let mean: Vec<f64> = (0..5 * LENGTH)
        .map(|i| members.iter().map(|m| m[i]).sum::<f64>() / 3.0)
        .collect();
    let sd: Vec<f64> = (0..5 * LENGTH)
        .map(|i| {
            (members
                .iter()
                .map(|m| (m[i] - mean[i]).powi(2))
                .sum::<f64>()
                / 2.0)
                .sqrt()
        })
        .collect();
    close(&pick("ensemble", "attribution"), &mean, 1e-6);
    close(&pick("ensemble", "sd"), &sd, 1e-6);
    let sign = |v: f64| i8::from(v > 0.0) - i8::from(v < 0.0);
    let agreement: Vec<f64> = (0..5 * LENGTH)
        .map(|i| {
            let same = members.iter().filter(|m| sign(m[i]) == sign(mean[i]));
            same.count() as f64 / 3.0
        })
        .collect();
    close(&pick("ensemble", "sign_agreement"), &agreement, 1e-6);
    let student = columns(&table(
        &place,
        "run/models/student-0",
        "x.fa",
        "one.tsv",
        &[],
    ));
    close(
        &pick("student-0", "attribution"),
        &numbers(&student["attribution"]),
        0.0,
    );
    // Only what is named.
    let only = table(&place, "run", "x.fa", "only.tsv", &["--model", "student-0"]);
    assert_eq!(only, place.read("one.tsv"));
}

#[test]
fn batches_change_nothing_and_the_other_parts_are_explained_too() {
    let place = Place::new();
    place.write("x.fa", &fasta(7));
    let one = columns(&table(&place, "run", "x.fa", "a.tsv", &["--batch", "1"]));
    let all = columns(&table(
        &place,
        "run",
        "x.fa",
        "b.tsv",
        &["--batch", "100", "--threads", "2"],
    ));
    close(
        &numbers(&one["attribution"]),
        &numbers(&all["attribution"]),
        1e-6,
    );
    let spread = table(&place, "run", "x.fa", "c.tsv", &["--part", "epistemic"]);
    let spread = columns(&spread);
    assert!(spread["model"].iter().any(|m| m == "ensemble"));
    assert!(
        numbers(&spread["attribution"])
            .iter()
            .any(|v| v.abs() > 1e-8)
    );
    let ran = run(&[
        "attribute",
        &place.path("model"),
        "--fasta",
        &place.path("x.fa"),
        "--task",
        "Dev",
        "--part",
        "aleatoric",
        "-o",
        &place.path("d.tsv"),
    ]);
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    assert!(ran.stderr.contains("no aleatoric part"), "{}", ran.stderr);
}

#[test]
fn a_stopped_command_goes_on_and_gives_the_same_file() {
    let place = Place::new();
    let good = fasta(300);
    place.write("good.fa", &good);
    // The second shard cannot be read, so the first one is all that there is.
    place.write(
        "bad.fa",
        &good.replacen(
            &format!(">s290\n{}", letters(290, ELEMENT)),
            ">s290\nACGT",
            1,
        ),
    );
    let arguments = |input: &str, output: &str| -> Vec<String> {
        let words = [
            "attribute",
            "MODEL",
            "--fasta",
            "IN",
            "--task",
            "Dev",
            "--format",
            "json",
            "-o",
            "OUT",
        ];
        let place = |w: &str| match w {
            "MODEL" => place.path("run"),
            "IN" => place.path(input),
            "OUT" => place.path(output),
            other => other.to_owned(),
        };
        words.iter().map(|w| place(w)).collect()
    };
    let go = |input: &str, output: &str| {
        let arguments = arguments(input, output);
        run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let stopped = go("bad.fa", "a.tsv.gz");
    assert_eq!(stopped.code, 4, "{}", stopped.stderr);
    for part in ["`s290`", "found 4 bp"] {
        assert!(stopped.stderr.contains(part), "{}", stopped.stderr);
    }
    assert!(place.has("a.tsv.gz.shards") && !place.has("a.tsv.gz"));
    let resumed = go("good.fa", "a.tsv.gz");
    let summary: Value = serde_json::from_str(&resumed.stdout).unwrap();
    assert_eq!(
        (&summary["sequences"], &summary["resumed"]),
        (&300.into(), &256.into())
    );
    assert!(!place.has("a.tsv.gz.shards"));
    let fresh = go("good.fa", "b.tsv.gz");
    let summary: Value = serde_json::from_str(&fresh.stdout).unwrap();
    assert_eq!(summary["resumed"], 0);
    let bytes = |name: &str| fs_err::read(place.path(name)).unwrap();
    assert_eq!(bytes("a.tsv.gz"), bytes("b.tsv.gz"));
}

#[test]
fn archives_are_what_modisco_reads() {
    let place = Place::new();
    place.write("x.fa", &fasta(6));
    let text = columns(&table(
        &place,
        "run",
        "x.fa",
        "m.tsv",
        &["--model", "ensemble"],
    ));
    let (run, input) = (place.path("run"), place.path("x.fa"));
    let npz = place.path("m.npz");
    ok(&[
        "attribute",
        &run,
        "--fasta",
        &input,
        "--task",
        "Hk",
        "-o",
        &npz,
    ]);
    let array = |name: &str| read_npz(place.path(name)).unwrap().remove("arr_0").unwrap();
    let one_hot = array("m.ohe.npz");
    assert_eq!(one_hot.shape, [6, 4, LENGTH]);
    let values: Vec<f32> = one_hot.values.to_f64().iter().map(|v| *v as f32).collect();
    let codes = codes_from_one_hot(&values, LENGTH, BaseAxis::First, BaseOrder::ACGT, 0).unwrap();
    assert_eq!(
        decode(&codes[..LENGTH]),
        format!("AC{}GT", letters(0, ELEMENT))
    );
    for (file, suffix) in [
        ("m.npz", ""),
        ("m.sd.npz", "sd"),
        ("m.agreement.npz", "sign_agreement"),
    ] {
        let map = array(file);
        assert_eq!(map.shape, [6, 4, LENGTH]);
        let values = map.values.to_f64();
        let found: Vec<f64> = (0..6 * LENGTH)
            .map(|at| {
                let (row, l) = (at / LENGTH, at % LENGTH);
                values[row * 4 * LENGTH + usize::from(codes[at]) * LENGTH + l]
            })
            .collect();
        let column = if suffix.is_empty() {
            "attribution"
        } else {
            suffix
        };
        close(&found, &numbers(&text[column]), 1e-6);
    }
    assert_eq!(array("m.student-0.npz").shape, [6, 4, LENGTH]);
    assert!(
        place
            .read("m.modisco.sh")
            .contains(&format!("-s 'm.ohe.npz' -a 'm.npz' -n 2000 -w {LENGTH}"))
    );
    assert_eq!(place.read("m.ids.tsv").lines().count(), 7);
    let about: Value = serde_json::from_str(&place.read("m.manifest.json")).unwrap();
    assert_eq!(
        (&about["form"], &about["task"]),
        (&"hypothetical".into(), &"Hk".into())
    );
    let h5 = place.path("m.h5");
    ok(&[
        "attribute",
        &run,
        "--fasta",
        &input,
        "--task",
        "Hk",
        "-o",
        &h5,
    ]);
    let file = Hdf5File::open(&h5).unwrap();
    let maps = file.dataset("hyp_scores").unwrap();
    assert_eq!(maps.shape(), [6, LENGTH as u64, 4]);
    let values: Vec<f64> = maps
        .f32(0, 6)
        .unwrap()
        .iter()
        .map(|v| f64::from(*v))
        .collect();
    let found: Vec<f64> = codes
        .iter()
        .enumerate()
        .map(|(at, c)| values[at * 4 + usize::from(*c)])
        .collect();
    close(&found, &numbers(&text["attribution"]), 1e-6);
    assert_eq!(file.dataset("ids").unwrap().text(5, 1).unwrap(), ["s5"]);
    for name in ["sd", "sign_agreement", "hyp_scores_student-0", "input_seqs"] {
        assert!(file.has(name), "{name}");
    }
}

#[test]
fn tracks_lie_where_the_names_say() {
    let place = Place::new();
    let names = [
        "chr2:1000-1020",
        "chr1:11-30",
        "peak::chr1:20-40(-)",
        "elsewhere",
    ];
    let text: String = names
        .iter()
        .enumerate()
        .map(|(i, name)| format!(">{name}\n{}\n", letters(i, ELEMENT)))
        .collect();
    place.write("x.fa", &text);
    let (bedgraph, bigwig) = (place.path("x.bedgraph"), place.path("x.bw"));
    let tracks = ["--bedgraph", &bedgraph, "--bigwig", &bigwig];
    let maps = columns(&table(&place, "model", "x.fa", "x.tsv", &tracks));
    let value = |row: usize, at: usize| numbers(&maps["attribution"])[row * LENGTH + 2 + at];
    let mut track = std::collections::BTreeMap::new();
    for line in place.read("x.bedgraph").lines().skip(1) {
        let f: Vec<&str> = line.split('\t').collect();
        let (start, end): (usize, usize) = (f[1].parse().unwrap(), f[2].parse().unwrap());
        for at in start..end {
            track.insert((f[0].to_owned(), at), f[3].parse::<f64>().unwrap());
        }
    }
    assert_eq!(track.len(), 20 + 30);
    let at = |chromosome: &str, position: usize| track[&(chromosome.to_owned(), position)];
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} {b}");
    near(at("chr2", 1000), value(0, 0));
    // 1-based and inclusive, as its length says: 0-based from 10.
    near(at("chr1", 10), value(1, 0));
    // The other strand: its last base comes first; under two sequences the mean.
    near(at("chr1", 39), value(2, 0));
    near(at("chr1", 25), 0.5 * (value(1, 15) + value(2, 14)));
    assert!(
        fs_err::read(&bigwig)
            .unwrap()
            .starts_with(&0x888F_FC26u32.to_le_bytes())
    );
    place.write("y.fa", &fasta(2));
    let ran = run(&[
        "attribute",
        &place.path("model"),
        "--fasta",
        &place.path("y.fa"),
        "--task",
        "Dev",
        "-o",
        &place.path("y.tsv"),
        "--bigwig",
        &bigwig,
    ]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("no sequence has a locus"),
        "{}",
        ran.stderr
    );
}

#[test]
fn intervals_are_cut_from_a_genome() {
    let place = Place::new();
    let genome = letters(77, 200);
    place.write("g.fa", &format!(">chrI\n{genome}\n"));
    place.write("x.bed", "chrI\t10\t30\tpeak\t0\t+\nchrI\t50\t70\n");
    place.write(
        "x.fa",
        &format!(">peak\n{}\n>b\n{}\n", &genome[10..30], &genome[50..70]),
    );
    let expected = columns(&table(&place, "model", "x.fa", "a.tsv", &[]));
    let (model, bed, fa, out) = (
        place.path("model"),
        place.path("x.bed"),
        place.path("g.fa"),
        place.path("b.tsv"),
    );
    ok(&[
        "attribute",
        &model,
        "--bed",
        &bed,
        "--genome",
        &fa,
        "--task",
        "Hk",
        "-o",
        &out,
    ]);
    let found = columns(&place.read("b.tsv"));
    assert_eq!(found["attribution"], expected["attribution"]);
    assert_eq!(
        (found["id"][0].as_str(), found["id"][LENGTH].as_str()),
        ("peak", "chrI:50-70(+)")
    );
    place.write("x.bed", "chrI\t190\t210\n");
    let ran = run(&[
        "attribute",
        &model,
        "--bed",
        &bed,
        "--genome",
        &fa,
        "--task",
        "Hk",
        "-o",
        &out,
    ]);
    assert_eq!(ran.code, 4);
    assert!(
        ran.stderr.contains("line 1") && ran.stderr.contains("leaves `chrI`"),
        "{}",
        ran.stderr
    );
}

#[test]
fn wrong_arguments_are_told_with_what_there_is() {
    let place = Place::new();
    place.write("x.fa", &fasta(1));
    let fails = |more: &[&str], code: i32, part: &str| {
        let (model, input) = (place.path("run"), place.path("x.fa"));
        let mut arguments = vec!["attribute", &model, "--fasta", &input];
        arguments.extend(more);
        let ran = run(&arguments);
        assert_eq!(ran.code, code, "{more:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(part), "{more:?}: {}", ran.stderr);
    };
    let out = place.path("o.tsv");
    fails(&["-o", &out], 4, "choose one with `--task` (Dev, Hk)");
    fails(&["-o", &out, "--task", "Dve"], 4, "did you mean `Dev`?");
    fails(&["-o", "o.csv", "--task", "Dev"], 2, ".npz, .h5, .tsv");
    fails(
        &["-o", &out, "--task", "Dev", "--method", "salience"],
        3,
        "did you mean `saliency`?",
    );
    fails(
        &["-o", &out, "--task", "Dev", "--set", "gradient=1"],
        3,
        "gradient",
    );
    fails(
        &["-o", &out, "--task", "Dev", "--model", "member-7"],
        4,
        "did you mean `member-0`?",
    );
    let nothing = run(&[
        "attribute",
        &place.path("."),
        "--fasta",
        "x",
        "--task",
        "Dev",
        "-o",
        &out,
    ]);
    assert_eq!(nothing.code, 4);
    assert!(nothing.stderr.contains("`models/`"), "{}", nothing.stderr);
}
