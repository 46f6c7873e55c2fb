//! The mean and the spread of an ensemble.

use candle_core::{DType, Tensor};
use degu_core::{Component, Predictor, Sequences, Target, explain};
use degu_nn::Ensemble;

use super::{
    golden_model::Golden,
    support::{apart, fused, numbers},
};

const PREFIXES: [&str; 3] = ["w0", "w1", "w2"];

fn goldens() -> Vec<Golden> {
    let of = |prefix| Golden {
        prefix,
        ..Golden::load("ensemble_epistemic")
    };
    PREFIXES.into_iter().map(of).collect()
}

fn part(part: Component) -> Target {
    Target { task: 0, part }
}

#[test]
fn multipliers_of_the_spread() {
    let goldens = goldens();
    let all = &goldens[0];
    let (x, r) = (all.array("sequences"), all.array("references"));
    let double: Vec<_> = goldens.iter().map(|g| g.model(DType::F64)).collect();
    let single: Vec<_> = goldens.iter().map(fused).collect();
    let double: Vec<&dyn Predictor> = double.iter().map(|m| m as &dyn Predictor).collect();
    let single: Vec<&dyn Predictor> = single.iter().map(|m| m as &dyn Predictor).collect();
    let expected = numbers(&all.array("epistemic_multipliers"));
    for (members, limit) in [(double.clone(), 1e-9), (single, 1e-3)] {
        let ensemble = Ensemble::new(members, 0).unwrap();
        let targets = [part(Component::Epistemic), part(Component::Mean)];
        let found = ensemble.rescale(&x, &r, &targets).unwrap();
        assert!(apart(&numbers(&found[0].values), &expected) < limit);
        assert!(apart(&found[0].own, &numbers(&all.array("epistemic"))) < limit);
        let references = numbers(&all.array("reference_epistemic"));
        assert!(apart(&found[0].references, &references) < limit);
        let mean = all.array("member_multipliers").mean(0).unwrap();
        assert!(apart(&numbers(&found[1].values), &numbers(&mean)) < limit);
    }
    // The joint network, layer by layer, is the other way to the same numbers.
    let ensemble = Ensemble::new(double, 0).unwrap();
    let found = explain::rescale(&ensemble, &x, &r, &[part(Component::Epistemic)]).unwrap();
    assert!(apart(&numbers(&found[0].values), &expected) < 1e-9);
}

#[test]
fn answers_agree_with_the_joint_network() {
    let models: Vec<_> = goldens().iter().map(|g| g.model(DType::F64)).collect();
    let members: Vec<&dyn Predictor> = models.iter().map(|m| m as &dyn Predictor).collect();
    let x = goldens()[0].array("sequences");
    let targets = [part(Component::Mean), part(Component::Epistemic)];
    for ddof in [0, 1] {
        let ensemble = Ensemble::new(members.clone(), ddof).unwrap();
        let values = ensemble.values(&x, &targets).unwrap();
        for (a, b) in values
            .iter()
            .zip(explain::values(&ensemble, &x, &targets).unwrap())
        {
            assert!(apart(a, &b) < 1e-12);
        }
        let sequences = Sequences::codes(x.clone()).unwrap();
        let direct = explain::gradients(&ensemble, &sequences, &targets).unwrap();
        let found = ensemble.gradients(&sequences, &targets).unwrap();
        for (a, b) in found.iter().zip(&direct) {
            assert!(apart(&numbers(a), &numbers(b)) < 1e-10);
        }
    }
    assert!(Ensemble::new(members[..1].to_vec(), 1).is_err());
}

/// At a sequence that is its own reference the weights are those of the derivative, `d / (M u)`.
#[test]
fn a_pair_of_equal_sequences_gives_the_gradient() {
    let models: Vec<_> = goldens().iter().map(|g| g.model(DType::F64)).collect();
    let members: Vec<&dyn Predictor> = models.iter().map(|m| m as &dyn Predictor).collect();
    let ensemble = Ensemble::new(members, 0).unwrap();
    let x = goldens()[0].array("sequences");
    let r: Tensor = x.unsqueeze(1).unwrap();
    let target = [part(Component::Epistemic)];
    let pairs = ensemble.rescale(&x, &r, &target).unwrap();
    let sequences = Sequences::codes(x).unwrap();
    let gradient = ensemble.gradients(&sequences, &target).unwrap();
    assert!(apart(&numbers(&pairs[0].values), &numbers(&gradient[0])) < 1e-12);
}
