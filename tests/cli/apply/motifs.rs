//! `marginalize` and `ablate`.

use super::{ELEMENT, Place, close, fasta, letters, numbers};
use crate::support::{columns, ok, run};

#[test]
fn a_motif_adds_what_predictions_say() {
    let place = Place::new();
    place.write("x.fa", &fasta(4));
    let (run_folder, input, each) = (
        place.path("run"),
        place.path("x.fa"),
        place.path("each.tsv"),
    );
    let text = ok(&[
        "marginalize",
        &run_folder,
        "--fasta",
        &input,
        "--motif",
        "TGACTCA",
        "--background",
        "sequences",
        "--backgrounds",
        "4",
        "--each",
        &each,
        "--both-orientations",
    ]);
    let found = columns(&text);
    assert_eq!(found["motif"].len(), 2 * 2, "orientations and tasks");
    // By hand, with the command that has tests of its own.
    let start = ELEMENT / 2 - 3;
    let edited: String = (0..4)
        .map(|i| {
            let mut element = letters(i, ELEMENT);
            element.replace_range(start..start + 7, "TGACTCA");
            format!(">s{i}\n{element}\n")
        })
        .collect();
    let edited = place.write("e.fa", &edited);
    let mut effects = Vec::new();
    for k in 0..3 {
        let model = place.path(&format!("run/models/member-{k}"));
        let mean = |file: &str| {
            numbers(
                &columns(&ok(&[
                    "predict",
                    &model,
                    "--fasta",
                    file,
                    "--average-strands",
                ]))["mean"],
            )
        };
        let (before, after) = (mean(&input), mean(&edited));
        // Rows are s0 Dev, s0 Hk, ...
        let own: f64 = (0..4).map(|i| after[2 * i] - before[2 * i]).sum::<f64>() / 4.0;
        effects.push(own);
    }
    let mean = effects.iter().sum::<f64>() / 3.0;
    let sd = (effects.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / 2.0).sqrt();
    close(&numbers(&found["effect"])[..1], &[mean], 1e-5);
    close(&numbers(&found["member_sd"])[..1], &[sd], 1e-5);
    let (low, high) = (numbers(&found["lower"])[0], numbers(&found["upper"])[0]);
    assert!(low <= mean + 1e-6 && mean - 1e-6 <= high && low < high);
    assert_eq!(place.read("each.tsv").lines().count(), 1 + 2 * 2 * 4 * 4);
}

#[test]
fn backgrounds_are_shuffled_drawn_and_the_same_again() {
    let place = Place::new();
    place.write("x.fa", &fasta(3));
    let (model, input) = (place.path("model"), place.path("x.fa"));
    let go = |more: &[&str]| {
        let mut arguments = vec![
            "marginalize",
            &model,
            "--motif",
            "TGANTCA",
            "--backgrounds",
            "20",
        ];
        arguments.extend(more);
        ok(&arguments)
    };
    let shuffled = go(&["--fasta", &input]);
    assert_eq!(shuffled, go(&["--fasta", &input]));
    let random = go(&["--background", "random", "--gc", "0.4"]);
    assert_ne!(shuffled, random);
    assert_ne!(
        random,
        go(&["--background", "random", "--gc", "0.4", "--seed", "2"])
    );
    assert_eq!(columns(&random)["backgrounds"][0], "20");
    let ran = run(&["marginalize", &model, "--motif", "TGA"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("--background random"), "{}", ran.stderr);
    let wide = "A".repeat(ELEMENT + 1);
    let ran = run(&[
        "marginalize",
        &model,
        "--background",
        "random",
        "--motif",
        &wide,
    ]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("not wider"), "{}", ran.stderr);
}

#[test]
fn what_is_taken_out_is_found_first() {
    let place = Place::new();
    let mut element = letters(1, ELEMENT);
    element.replace_range(5..15, "TGACTCATGA");
    let text = format!(">with\n{element}\n>without\n{}\n", "CA".repeat(ELEMENT / 2));
    place.write("x.fa", &text);
    let motif = "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF AP1 FOS\nletter-probability matrix: alength= 4 w= 10 nsites= 20 E= 0\n"
        .to_owned()
        + &"TGACTCATGA"
            .chars()
            .map(|c| {
                let row = "ACGT".chars().map(|b| if b == c { "0.97" } else { "0.01" });
                row.collect::<Vec<_>>().join(" ") + "\n"
            })
            .collect::<String>();
    let meme = place.write("m.meme", &motif);
    let (run_folder, input, each) = (
        place.path("run"),
        place.path("x.fa"),
        place.path("each.tsv"),
    );
    let arguments = [
        "ablate",
        &run_folder,
        "--fasta",
        &input,
        "--meme",
        &meme,
        "--p-value",
        "9e-7",
        "--name",
        "fos",
        "--each",
        &each,
        "--replacements",
        "5",
    ];
    let found = columns(&ok(&arguments));
    assert_eq!(
        (found["sequences"][0].as_str(), found["hits"][0].as_str()),
        ("1", "1")
    );
    assert_eq!(
        (found["motif"][0].as_str(), found["name"][0].as_str()),
        ("AP1", "FOS")
    );
    let hits = columns(&place.read("each.tsv"));
    assert_eq!(
        (hits["id"][0].as_str(), hits["start"][0].as_str()),
        ("with", "5")
    );
    let at = |name: &str| hits[name][0].parse::<f64>().unwrap();
    let effect = numbers(&found["effect"])[0];
    assert!((effect - (at("before") - at("after"))).abs() < 1e-5);
    let members = (0..3)
        .map(|k| at(&format!("effect_member-{k}")))
        .sum::<f64>()
        / 3.0;
    assert!((effect - members).abs() < 1e-5, "{effect} {members}");
    assert_eq!(ok(&arguments), ok(&arguments), "the same draws");
    let ran = run(&[
        "ablate",
        &run_folder,
        "--fasta",
        &input,
        "--meme",
        &meme,
        "--name",
        "FSO",
    ]);
    assert_eq!(ran.code, 4);
    assert!(ran.stderr.contains("did you mean `FOS`?"), "{}", ran.stderr);
    let ran = run(&[
        "ablate",
        &run_folder,
        "--fasta",
        &input,
        "--motif",
        "TGA",
        "--replacements",
        "1",
    ]);
    assert_eq!(ran.code, 2);
}
