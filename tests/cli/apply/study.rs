//! The stage `attribute` of a study: agreement, tests, logos with named motifs, and the run as
//! input of the commands.

use serde_json::Value;

use super::numbers;
use crate::support::{columns, run_in};

const STUDY: &str = r#"
[study]
name = "explained"

[dataset]
plugin = "simulated"
train = 200
validation = 60
test = 40
length = 60
replicates = 3

[split]
kind = "files"
calibration = 0.5

[architecture]
plugin = "deepstarr"
filters = [8, 8, 8, 8]
units = [8, 8]

[ensemble]
members = 3
head = { plugin = "point" }

[training]
epochs = 2
batch_size = 32

[distill]
students = 2
targets = ["mean", "epistemic"]
head = { plugin = "distilled" }

[attribute.saliency]
plugin = "saliency"
targets = [{ part = "mean" }, { part = "epistemic" }]
sequences = { split = "test", top_n = 12 }
forms = ["observed"]

[report]
motifs = { path = "motifs.meme" }
reverse_complement = true
"#;

/// Columns of a table with commas.
fn csv(text: &str) -> std::collections::BTreeMap<String, Vec<String>> {
    columns(&text.replace(',', "\t"))
}

#[test]
fn maps_of_a_study_are_compared_drawn_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let here = |arguments: &[&str]| run_in(folder.path(), arguments);
    fs_err::write(folder.path().join("s.toml"), STUDY).unwrap();
    // Two letters: somewhere on every map.
    let meme = "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF MX made-up\nletter-probability matrix: alength= 4 w= 2 nsites= 20 E= 0\n 1 0 0 0\n 0 0 0 1\n";
    fs_err::write(folder.path().join("motifs.meme"), meme).unwrap();
    let ran = here(&["run", "s.toml", "--progress", "none"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let read = |file: &str| {
        fs_err::read_to_string(folder.path().join("runs/explained").join(file)).unwrap()
    };
    let tests = csv(&read("tables/attribution_tests.csv"));
    let row = tests["metric"]
        .iter()
        .position(|m| m == "RMSE to the teacher's map")
        .unwrap();
    assert_eq!(
        (
            tests["members"][row].as_str(),
            tests["students"][row].as_str()
        ),
        ("3", "2")
    );
    let by_sequence = csv(&read("tables/attribution_by_sequence.csv"));
    let pick = |column: &str| -> Vec<f64> {
        let rows = (0..by_sequence["metric"].len()).filter(|i| {
            by_sequence["metric"][*i] == "RMSE to the teacher's map"
                && by_sequence["part"][*i] == tests["part"][row]
        });
        let own: Vec<String> = rows.map(|i| by_sequence[column][i].clone()).collect();
        numbers(&own)
    };
    let (members, students) = (pick("members"), pick("students"));
    assert_eq!(members.len(), 12);
    let differences: Vec<f64> = students.iter().zip(&members).map(|(s, m)| s - m).collect();
    let expected = degu_stats::two_sample::signed_rank(&differences).unwrap().p;
    let found: f64 = tests["wilcoxon_p"][row].parse().unwrap();
    assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    let logos = read("tables/logos.csv");
    assert!(logos.contains("most agreed on") && logos.contains("least agreed on"));
    assert!(logos.contains("(reverse complement)"));
    let report = read("report.html");
    for part in [
        "Which bases of",
        "agree better among students",
        "Difference by sequence",
    ] {
        assert!(report.contains(part), "{part}");
    }
    // The run is the input of the commands: its members and students.
    fs_err::write(
        folder.path().join("x.fa"),
        format!(">a\n{}\n", "ACGTA".repeat(12)),
    )
    .unwrap();
    let maps = here(&[
        "attribute",
        "runs/explained",
        "--fasta",
        "x.fa",
        "-o",
        "maps.tsv",
        "--format",
        "json",
    ]);
    assert_eq!(maps.code, 0, "{}", maps.stderr);
    let summary: Value = serde_json::from_str(&maps.stdout).unwrap();
    assert_eq!(
        summary["models"],
        serde_json::json!(["ensemble", "student-0", "student-1"])
    );
}
