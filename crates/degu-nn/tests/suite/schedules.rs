//! Learning rates against numbers worked out by hand.

use degu_nn::schedule::{Cosine, OneCycle, ReduceOnPlateau, Schedule};

fn close(a: f64, b: f64) {
    assert!(
        (a - b).abs() <= 1e-12 * b.abs().max(1e-3),
        "{a} instead of {b}"
    );
}

#[test]
fn constant_stays() {
    let s = Schedule::Constant;
    let mut state = s.start(0.1);
    s.end_epoch(&mut state, 1.0);
    close(s.rates(&state, 7, 10).lr, 0.1);
    assert_eq!(s.rates(&state, 7, 10).momentum, None);
}

/// 20 steps, 30 % up: the top is at step 5, the bottom at 19; the half-way points are 2.5 and 12.
#[test]
fn one_cycle() {
    let s = Schedule::OneCycle(OneCycle {
        max_lr: 1.0,
        rise: 0.3,
        start_divisor: 25.0,
        end_divisor: 1e4,
    });
    let state = s.start(0.5);
    let at = |i| s.rates(&state, i, 20);
    close(at(0).lr, 0.04);
    close(at(0).momentum.unwrap(), 0.95);
    close(at(5).lr, 1.0);
    close(at(5).momentum.unwrap(), 0.85);
    close(at(12).lr, f64::midpoint(1.0, 4e-6));
    close(at(12).momentum.unwrap(), 0.9);
    close(at(19).lr, 4e-6);
    close(at(19).momentum.unwrap(), 0.95);
    close(at(25).lr, 4e-6);
    // cos(pi / 5) = 0.80901699437...
    close(
        at(1).lr,
        1.0 + (0.04 - 1.0) / 2.0 * (1.0 + 0.809_016_994_374_947_5),
    );
    assert!(s.rates(&state, 0, 1).lr.is_finite() && s.rates(&state, 0, 0).lr.is_finite());
}

#[test]
fn cosine_with_warm_up() {
    let s = Schedule::Cosine(Cosine {
        warmup: 0.2,
        min_lr: 0.01,
    });
    let state = s.start(0.1);
    let at = |i| s.rates(&state, i, 20).lr;
    close(at(0), 0.025);
    close(at(3), 0.1);
    close(at(4), 0.1);
    close(at(12), 0.055);
    close(at(20), 0.01);
    close(at(30), 0.01);
}

#[test]
fn plateau_lowers_the_rate_after_patience() {
    let s = Schedule::ReduceOnPlateau(ReduceOnPlateau {
        factor: 0.5,
        patience: 2,
        min_lr: 0.02,
        min_delta: 1e-4,
    });
    let mut state = s.start(0.1);
    let mut rates = Vec::new();
    // 0.99995 is no improvement on 1.0; NaN never is; 0.5 is.
    for loss in [1.0, 0.99995, f64::NAN, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6] {
        s.end_epoch(&mut state, loss);
        rates.push(s.rates(&state, 0, 1).lr);
    }
    for (got, want) in rates
        .into_iter()
        .zip([0.1, 0.1, 0.05, 0.05, 0.05, 0.025, 0.025, 0.02, 0.02, 0.02])
    {
        close(got, want);
    }
    let json = serde_json::to_string(&state).unwrap();
    assert_eq!(
        serde_json::from_str::<degu_nn::schedule::ScheduleState>(&json).unwrap(),
        state
    );
}

#[test]
fn unknown_settings_are_refused() {
    let read = |text: &str| toml::from_str::<Schedule>(text);
    assert_eq!(read("kind = \"constant\"").unwrap(), Schedule::Constant);
    let s = read("kind = \"one_cycle\"\nmax_lr = 0.5\nrise = 0.1").unwrap();
    assert_eq!(s.start(1.0), s.with_lr(0.5).start(0.1));
    let error = read("kind = \"one_cycle\"\nmax_lr = 0.5\nrises = 0.1").unwrap_err();
    assert!(error.to_string().contains("rises"));
    assert!(read("kind = \"cosin\"").is_err());
    let schema = serde_json::to_string(&schemars::schema_for!(Schedule)).unwrap();
    assert!(schema.contains("reduce_on_plateau") && schema.contains("Epochs without improvement"));
}
