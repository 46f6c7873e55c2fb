//! `variants`.

use super::{Place, close, letters, numbers};
use crate::support::{LENGTH, columns, ok, run};

const ELEMENT: usize = LENGTH - 4;
/// The variant's first base in its element.
const OFFSET: usize = ELEMENT / 2 - 1;

fn other(base: &str) -> &'static str {
    match base {
        "A" => "C",
        "C" => "G",
        "G" => "T",
        _ => "A",
    }
}

/// A genome of 300 bp and substitutions at some positions (0-based).
fn place(positions: &[usize]) -> (Place, String) {
    let place = Place::new();
    let genome = letters(5, 300);
    place.write(
        "g.fa",
        &format!(">chr1 x\n{}\n{}\n", &genome[..150], &genome[150..]),
    );
    let rows: String = positions
        .iter()
        .map(|p| {
            let reference = &genome[*p..=*p];
            format!(
                "chr1\t{}\trs{p}\t{reference}\t{}\n",
                p + 1,
                other(reference)
            )
        })
        .collect();
    place.write(
        "v.vcf",
        &format!("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\n{rows}"),
    );
    (place, genome)
}

/// Predictions of elements, by the command that has tests of its own.
fn predict(place: &Place, model: &str, elements: &[String]) -> Vec<f64> {
    let text: String = elements
        .iter()
        .enumerate()
        .map(|(i, e)| format!(">e{i}\n{e}\n"))
        .collect();
    let (model, input) = (place.path(model), place.write("e.fa", &text));
    numbers(
        &columns(&ok(&[
            "predict",
            &model,
            "--fasta",
            &input,
            "--average-strands",
        ]))["mean"],
    )
}

fn variants(place: &Place, model: &str, more: &[&str]) -> String {
    let (model, genome) = (place.path(model), place.path("g.fa"));
    let mut arguments = vec!["variants", &model, "--genome", &genome];
    arguments.extend(more);
    ok(&arguments)
}

#[test]
fn effects_are_differences_of_predictions_with_the_members_spread() {
    let (place, genome) = place(&[100, 140, 180]);
    let vcf = place.path("v.vcf");
    let found = columns(&variants(&place, "run", &["--vcf", &vcf]));
    assert_eq!(found["id"].len(), 6, "a row a task");
    let alleles: Vec<String> = [100usize, 140, 180]
        .iter()
        .flat_map(|p| {
            let element = genome[p - OFFSET..p - OFFSET + ELEMENT].to_owned();
            let mut changed = element.clone();
            changed.replace_range(OFFSET..=OFFSET, other(&genome[*p..=*p]));
            [element, changed]
        })
        .collect();
    let by_member: Vec<Vec<f64>> = (0..3)
        .map(|k| {
            let means = predict(&place, &format!("run/models/member-{k}"), &alleles);
            // Rows are e0 Dev, e0 Hk, e1 Dev, ...
            (0..6)
                .map(|i| means[(i / 2) * 4 + 2 + i % 2] - means[(i / 2) * 4 + i % 2])
                .collect()
        })
        .collect();
    let mean: Vec<f64> = (0..6)
        .map(|i| by_member.iter().map(|m| m[i]).sum::<f64>() / 3.0)
        .collect();
    close(&numbers(&found["effect"]), &mean, 1e-5);
    let sd: Vec<f64> = (0..6)
        .map(|i| {
            (by_member
                .iter()
                .map(|m| (m[i] - mean[i]).powi(2))
                .sum::<f64>()
                / 2.0)
                .sqrt()
        })
        .collect();
    close(&numbers(&found["sd"]), &sd, 1e-5);
    // Student t with two degrees of freedom at 95 %.
    let reach: Vec<f64> = sd
        .iter()
        .map(|s| 4.302_652_729_9 * s / 3f64.sqrt())
        .collect();
    let upper: Vec<f64> = mean.iter().zip(&reach).map(|(m, r)| m + r).collect();
    close(&numbers(&found["upper"]), &upper, 1e-5);
    assert!(found["flags"].iter().all(|f| f == "."));
    // A student has no members: its two epistemic parts, and an interval from both.
    let one = columns(&variants(&place, "run/models/student-0", &["--vcf", &vcf]));
    assert!(one["sd"].iter().all(String::is_empty));
    for i in 0..6 {
        let at = |name: &str| one[name][i].parse::<f64>().unwrap();
        let reach = 1.959_963_98 * at("epistemic_ref").hypot(at("epistemic_alt"));
        assert!((at("upper") - at("effect") - reach).abs() < 1e-4);
        assert!((at("effect") - at("alt_prediction") + at("ref_prediction")).abs() < 1e-5);
    }
    let shifted = columns(&variants(
        &place,
        "model",
        &["--vcf", &vcf, "--shift", "2", "--one-strand"],
    ));
    assert!(numbers(&shifted["placement_sd"]).iter().all(|v| *v > 0.0));
}

#[test]
fn the_whole_file_can_be_vcf_or_json() {
    let (place, _) = place(&[100, 2]);
    let (vcf, out) = (place.path("v.vcf"), place.path("o.vcf"));
    let table = columns(&variants(&place, "run", &["--vcf", &vcf]));
    variants(&place, "run", &["--vcf", &vcf, "-o", &out]);
    let text = place.read("o.vcf");
    let rows: Vec<&str> = text.lines().filter(|l| !l.starts_with('#')).collect();
    assert_eq!(rows.len(), 2);
    let info = rows[0].split('\t').nth(7).unwrap();
    let effects = format!("DEGU_EFFECT={},{}", table["effect"][0], table["effect"][1]);
    assert!(info.starts_with(&effects), "{info} {effects}");
    assert!(
        rows[1].ends_with("DEGU_FLAGS=window_leaves_chromosome"),
        "{}",
        rows[1]
    );
    assert!(text.contains("##INFO=<ID=DEGU_SD,Number=2"));
    let json = variants(&place, "run", &["--vcf", &vcf, "--format", "json"]);
    let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(first["position"], 101);
    assert!(first["sd"].as_f64().unwrap() > 0.0);
}

#[test]
fn wrong_reference_alleles_follow_the_policy() {
    let (place, genome) = place(&[100]);
    let reference = &genome[100..=100];
    let wrong = other(other(reference));
    let rows = format!(
        "chr1\t101\tok\t{reference}\t{wrong}\nchr1\t101\tswapped\t{wrong}\t{reference}\nchr1\t101\twrong\t{wrong}\t{}\n",
        other(wrong)
    );
    let vcf = place.write("w.vcf", &rows);
    let (model, g) = (place.path("model"), place.path("g.fa"));
    let ran = run(&["variants", &model, "--vcf", &vcf, "--genome", &g]);
    assert_eq!(ran.code, 4);
    for part in [
        "2 of 3 reference alleles",
        "line 2",
        "line 3",
        "--mismatch skip",
    ] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    let skipped = columns(&variants(
        &place,
        "model",
        &["--vcf", &vcf, "--mismatch", "skip"],
    ));
    let flags: Vec<&str> = skipped["flags"]
        .iter()
        .step_by(2)
        .map(String::as_str)
        .collect();
    assert_eq!(flags, [".", "reference_mismatch", "reference_mismatch"]);
    let swapped = columns(&variants(
        &place,
        "model",
        &["--vcf", &vcf, "--mismatch", "swap"],
    ));
    let effects = numbers(&swapped["effect"]);
    assert!(
        (effects[0] + effects[2]).abs() < 1e-6 && effects[0].abs() > 0.0,
        "{effects:?}"
    );
    assert_eq!(swapped["flags"][2], "swapped");
    let other_name = place.write("n.vcf", &format!("1\t101\t.\t{reference}\t{wrong}\n"));
    let ran = run(&["variants", &model, "--vcf", &other_name, "--genome", &g]);
    assert_eq!(ran.code, 4);
    assert!(
        ran.stderr.contains("did you mean `chr1`?") && ran.stderr.contains("--unify-names"),
        "{}",
        ran.stderr
    );
    let unified = columns(&variants(
        &place,
        "model",
        &["--vcf", &other_name, "--unify-names"],
    ));
    close(&numbers(&unified["effect"])[..1], &effects[..1], 0.0);
}

#[test]
fn indels_keep_the_window_and_edges_are_flagged_or_padded() {
    let (place, genome) = place(&[]);
    let rows = format!(
        "chr1\t101\tdel\t{}\t{}\nchr1\t101\tins\t{}\t{}GG\nchr1\t4\tedge\t{}\t{}\n",
        &genome[100..103],
        &genome[100..101],
        &genome[100..101],
        &genome[100..101],
        &genome[3..4],
        other(&genome[3..4])
    );
    let vcf = place.write("i.vcf", &rows);
    let found = columns(&variants(&place, "model", &["--vcf", &vcf]));
    let flags: Vec<&str> = found["flags"]
        .iter()
        .step_by(2)
        .map(String::as_str)
        .collect();
    assert_eq!(flags, [".", ".", "window_leaves_chromosome"]);
    let start = 100 - OFFSET;
    let deleted = format!(
        "{}{}",
        &genome[start..101],
        &genome[103..start + ELEMENT + 2]
    );
    let inserted = format!(
        "{}GG{}",
        &genome[start..101],
        &genome[101..start + ELEMENT - 2]
    );
    let elements = [genome[start..start + ELEMENT].to_owned(), deleted, inserted];
    let means = predict(&place, "model", &elements);
    let expected = [means[2] - means[0], means[4] - means[0]];
    let effects = numbers(&found["effect"]);
    close(&[effects[0], effects[2]], &expected, 1e-5);
    let padded = columns(&variants(
        &place,
        "model",
        &["--vcf", &vcf, "--edge", "pad"],
    ));
    assert!(padded["flags"].iter().all(|f| f == "."));
    assert_eq!(padded["window_start"][4], (3 - OFFSET as i64).to_string());
}

#[test]
fn saturation_mutagenesis_is_scored() {
    let (place, genome) = place(&[]);
    let mut rows =
        "Chromosome\tPosition\tRef\tAlt\tTags\tDNA\tRNA\tValue\tP-Value\tElement\n".to_owned();
    for p in 100..140 {
        let reference = &genome[p..=p];
        rows.push_str(&format!(
            "chr1\t{}\t{reference}\t{}\t{}\t1\t1\t{}\t0.5\t{}\n",
            p + 1,
            other(reference),
            p % 20,
            (p as f64).sin(),
            if p < 120 { "F9" } else { "LDLR" }
        ));
    }
    let table = place.write("t.tsv", &rows);
    let scores = place.path("s.tsv");
    let effects = columns(&variants(
        &place,
        "run",
        &["--table", &table, "--scores", &scores],
    ));
    let scores = columns(&place.read("s.tsv"));
    assert_eq!(
        scores["element"].len(),
        2 * 3 * 6,
        "tasks, elements and all, shares"
    );
    // By hand: Pearson of the first task and element.
    let pick = |name: &str| -> Vec<f64> {
        let rows = effects["element"]
            .iter()
            .zip(&effects["task"])
            .zip(&effects[name]);
        let own: Vec<String> = rows
            .filter(|((e, t), _)| *e == "F9" && *t == "Dev")
            .map(|(_, v)| v.clone())
            .collect();
        numbers(&own)
    };
    let expected = degu_stats::metrics::pearson(&pick("measured"), &pick("effect"))
        .unwrap()
        .unwrap();
    let found: f64 = scores["pearson"][0].parse().unwrap();
    assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    assert_eq!(
        (
            scores["variants"][0].as_str(),
            scores["retained"][5].as_str()
        ),
        ("20", "0.5")
    );
}
