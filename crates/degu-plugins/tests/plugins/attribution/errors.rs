//! What cannot be explained says why, where, and what to do.

use candle_core::{DType, Device, Tensor};
use degu_core::{
    Architecture, Attributor, Component, Ctx, ModelIo, Network, Params, Predictor, Result,
    Sequences, Target,
};
use degu_genome::decode;
use degu_nn::{Model, ParamStore, ops};
use serde_json::json;

use super::{
    golden_model::{Golden, Plain},
    support::{codes, fused, method, seeds, target},
};

fn fails(model: &dyn Predictor, name: &str, codes: &Tensor, target: Target) -> String {
    let n = codes.dims()[0];
    let found = method(name, &json!({})).attribute_one(model, codes, target, &seeds(n));
    found.unwrap_err().to_string()
}

const ALL: [&str; 6] = [
    "saliency",
    "smoothgrad",
    "integrated-gradients",
    "deepshap",
    "ism",
    "window-shuffle",
];

#[test]
fn sequences_that_do_not_fit() {
    let golden = Golden::load("deepstarr_small");
    let models: [Box<dyn Predictor>; 2] =
        [Box::new(golden.model(DType::F32)), Box::new(fused(&golden))];
    for model in &models {
        for name in ALL {
            let short = fails(model.as_ref(), name, &codes(2, 40), target(0));
            assert!(
                short.contains("49") && short.contains("40"),
                "{name}: {short}"
            );
            let mut rows = codes(3, 49).flatten_all().unwrap().to_vec1::<u8>().unwrap();
            rows[2 * 49 + 7] = 9;
            let rows = Tensor::from_vec(rows, (3, 49), &Device::Cpu).unwrap();
            let wrong = fails(model.as_ref(), name, &rows, target(0));
            let says = wrong.contains("row 2") && wrong.contains("found 9 at position 7");
            assert!(says, "{name}: {wrong}");
        }
    }
}

#[test]
fn tasks_and_parts_that_there_are_not() {
    let golden = Golden::load("deepstarr_small");
    let model = fused(&golden);
    for name in ALL {
        let error = fails(&model, name, &codes(1, 49), target(2));
        assert!(error.contains("task 2 of a model of 2"), "{name}: {error}");
        let spread = Target {
            task: 0,
            part: Component::Epistemic,
        };
        let error = fails(&model, name, &codes(1, 49), spread);
        assert!(
            error.contains("an epistemic standard deviation"),
            "{name}: {error}"
        );
    }
}

#[test]
fn seeds_are_one_per_sequence() {
    let golden = Golden::load("deepstarr_small");
    let found = method("deepshap", &json!({})).attribute_one(
        &golden.model(DType::F32),
        &codes(2, 49),
        target(0),
        &seeds(1),
    );
    assert!(
        found
            .unwrap_err()
            .to_string()
            .contains("one stream per sequence")
    );
}

#[test]
fn references_of_another_length() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("references.fa");
    let good = decode(&codes(1, 49).flatten_all().unwrap().to_vec1::<u8>().unwrap());
    fs_err::write(&path, format!(">a\n{good}\n>b\nACGT\n")).unwrap();
    let params = json!({ "baseline": "file", "file": { "path": path } });
    let golden = Golden::load("deepstarr_small");
    for name in ["deepshap", "integrated-gradients", "expected-gradients"] {
        let found = method(name, &params).attribute_one(
            &golden.model(DType::F32),
            &codes(1, 49),
            target(0),
            &seeds(1),
        );
        let error = found.unwrap_err().to_string();
        assert!(
            error.contains("record 2 `b`") && error.contains("49 bp"),
            "{error}"
        );
    }
    let missing = json!({ "baseline": "file", "file": { "path": folder.path().join("no.fa") } });
    let plugin = degu_core::find::<dyn Attributor>("deepshap").unwrap();
    assert!(plugin.resolve_json(&missing).unwrap().build().is_err());
    assert!(plugin.resolve_json(&json!({ "baseline": "file" })).is_err());
    assert!(
        plugin
            .resolve_json(&json!({ "baseline": "uniform" }))
            .is_err()
    );
}

/// A network with a nonlinearity that bypasses the rules.
struct Raw;

impl Architecture for Raw {
    fn network(&self, io: &ModelIo, params: &Params<'_>) -> Result<Box<dyn Network>> {
        let golden = Golden::load("deepstarr_small");
        let inner = golden.trunk().network(io, params)?;
        Ok(Box::new(RawNetwork(inner)))
    }
}

struct RawNetwork(Box<dyn Network>);

impl Network for RawNetwork {
    fn features(&self) -> Option<usize> {
        self.0.features()
    }

    fn forward(&self, x: &Sequences, ctx: &mut Ctx<'_>) -> Result<Tensor> {
        let y = self.0.forward(x, ctx)?;
        let y = ops::silu(&y.affine(4.0, 0.5)?, ctx)?;
        ctx.tap("scaled/silu", &y);
        let y = y.sqr()?;
        ctx.tap("scaled/bare square", &y);
        Ok(y)
    }
}

#[test]
fn an_operation_without_a_rule_is_named() {
    let golden = Golden::load("deepstarr_small");
    let store = ParamStore::new(degu_core::Seed::root(1), DType::F64, &Device::Cpu);
    let model = Model::new(&Raw, Box::new(Plain(2)), &golden.io(), &store.params()).unwrap();
    let error = fails(&model, "deepshap", &codes(3, 49), target(0));
    assert!(error.contains("scaled/bare square"), "{error}");
    assert!(error.contains("degu_nn::ops"), "{error}");
}

#[test]
fn parameters_out_of_range() {
    let find = |name: &str| degu_core::find::<dyn Attributor>(name).unwrap();
    for (name, params) in [
        ("deepshap", json!({ "references": 0 })),
        ("smoothgrad", json!({ "samples": 0 })),
        ("integrated-gradients", json!({ "steps": 0 })),
        ("window-shuffle", json!({ "width": 4, "stride": 5 })),
        ("saliency", json!({ "gradient": true })),
    ] {
        assert!(find(name).resolve_json(&params).is_err(), "{name} {params}");
    }
}
