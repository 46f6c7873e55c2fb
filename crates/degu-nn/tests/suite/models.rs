//! Network, last layer and head together.

use candle_core::{DType, Tensor};
use degu_core::{
    Architecture, Ctx, Head, ModelIo, Network, OutputKind, Params, Prediction, Predictor, Result,
    Seed, Sequences, Targets,
    graph::{Graph, Init, NormStyle},
};
use degu_nn::{
    GraphNetwork, Model, ParamStore, loss, ops,
    optim::{Optimizer, OptimizerConfig, gradients},
    schedule::Rates,
};

use crate::common::{device, difference, train, values};

const LENGTH: usize = 16;

struct Small;

impl Architecture for Small {
    fn network(&self, io: &ModelIo, params: &Params<'_>) -> Result<Box<dyn Network>> {
        let graph = Graph::new(NormStyle::Torch)
            .conv("c", 6, 5)
            .batch_norm("n")
            .relu()
            .max_pool(2)
            .flatten();
        GraphNetwork::boxed(graph.dense("d", 8).relu().dropout("drop", 0.5), io, params)
    }
    fn head_init(&self, _: usize, _: usize) -> Init {
        Init::Normal { std: 0.01 }
    }
}

struct Spread {
    passes: usize,
}

impl Head for Spread {
    fn outputs(&self) -> usize {
        2
    }
    fn loss(&self, raw: &Tensor, targets: &Targets) -> Result<Tensor> {
        let variance = (ops::softplus(&raw.narrow(1, 1, 1)?, &Ctx::eval())? + 1e-3)?;
        loss::gaussian_nll(&raw.narrow(1, 0, 1)?, &variance, &targets.mean)
    }
    fn predict(&self, raw: &Tensor, ctx: &mut Ctx<'_>) -> Result<Prediction> {
        let mut p = Prediction::of_mean(raw.narrow(1, 0, 1)?);
        p.aleatoric = Some(ops::softplus(&raw.narrow(1, 1, 1)?, ctx)?);
        Ok(p)
    }
    fn stochastic_passes(&self) -> usize {
        self.passes
    }
}

fn io(outputs: usize) -> ModelIo {
    ModelIo {
        length: LENGTH,
        outputs,
        output: OutputKind::Scalar,
    }
}

fn model(passes: usize, dtype: DType) -> (ParamStore, Model) {
    let store = ParamStore::new(Seed::root(1).child("init"), dtype, &device());
    let model = Model::new(&Small, Box::new(Spread { passes }), &io(2), &store.params()).unwrap();
    (store, model)
}

fn sequences(n: usize) -> Sequences {
    let codes: Vec<u8> = (0..n * LENGTH).map(|i| (i * i % 13 % 4) as u8).collect();
    Sequences::codes(Tensor::from_vec(codes, (n, LENGTH), &device()).unwrap()).unwrap()
}

#[test]
fn the_graph_describes_the_whole_model() {
    let (store, model) = model(0, DType::F32);
    let mut specs: Vec<_> = model
        .graph()
        .unwrap()
        .parameters(LENGTH)
        .unwrap()
        .into_iter()
        .map(|p| (p.name, p.shape))
        .collect();
    specs.sort();
    let found: Vec<_> = store
        .tensors()
        .into_iter()
        .map(|(n, v)| (n, v.dims().to_vec()))
        .collect();
    assert_eq!(found, specs);
    assert_eq!(store.get("head.weight").unwrap().dims(), [8, 2]);
    // The same graph, interpreted as one network over the same tensors, gives the raw outputs.
    let whole = GraphNetwork::new(model.graph().unwrap().clone(), &io(2), &store.params()).unwrap();
    let a = whole
        .forward(&sequences(3), &mut Ctx::eval())
        .unwrap()
        .to_dtype(DType::F64)
        .unwrap();
    let b = model
        .raw(&sequences(3), &mut Ctx::eval())
        .unwrap()
        .to_dtype(DType::F64)
        .unwrap();
    assert!(difference(&a, &b) == 0.0);
}

#[test]
fn another_number_of_outputs_is_an_error() {
    let store = ParamStore::new(Seed::root(1), DType::F32, &device());
    let error = Model::new(
        &Small,
        Box::new(Spread { passes: 0 }),
        &io(3),
        &store.params(),
    )
    .unwrap_err();
    assert!(error.to_string().contains("3 for a head of 2"), "{error}");
}

#[test]
fn stochastic_passes_give_an_epistemic_spread() {
    let (_, model) = model(20, DType::F64);
    let p = model.predict(&sequences(3)).unwrap();
    let spread = p.epistemic.unwrap();
    assert_eq!(spread.dims(), [3, 1]);
    assert!(spread.to_vec2::<f64>().unwrap().iter().all(|s| s[0] > 0.0));
    // One sequence alone has the prediction that it has in a batch.
    let alone = model.predict(&sequences(1)).unwrap();
    assert!(difference(&alone.mean, &p.mean.narrow(0, 0, 1).unwrap()) < 1e-14);
    // Each sequence has masks of its own: the error of 20 passes is not shared between sequences.
    let both = Sequences::codes(Tensor::zeros((2, LENGTH), DType::U8, &device()).unwrap());
    let twins = model
        .predict(&both.unwrap())
        .unwrap()
        .mean
        .to_vec2::<f64>()
        .unwrap();
    assert_eq!(twins[0], twins[1], "equal sequences, equal masks");
    let (_, plain) = self::model(0, DType::F64);
    assert!(plain.predict(&sequences(3)).unwrap().epistemic.is_none());
}

#[test]
fn a_model_learns() {
    let (store, model) = model(0, DType::F32);
    let x = sequences(24);
    let (n, _) = x.dims().unwrap();
    let value = values("target", &[n, 1]).to_dtype(DType::F32).unwrap();
    let mask = value.ones_like().unwrap();
    let targets = Targets {
        mean: degu_core::Masked { value, mask },
        epistemic: None,
        aleatoric: None,
    };
    let mut optimizer = Optimizer::new(OptimizerConfig::default());
    let (mut first, mut last) = (0.0, 0.0);
    for step in 0..60 {
        let mut ctx = train(step);
        let loss = model
            .head()
            .loss(&model.raw(&x, &mut ctx).unwrap(), &targets)
            .unwrap();
        let g = gradients(&loss, &store.parameters()).unwrap();
        optimizer
            .step(
                &store.parameters(),
                &g,
                Rates {
                    lr: 0.01,
                    momentum: None,
                },
            )
            .unwrap();
        store.fold_statistics(&ctx.into_statistics()).unwrap();
        last = loss.to_scalar::<f32>().unwrap();
        if step == 0 {
            first = last;
        }
    }
    assert!(last < first - 0.3, "{first} to {last}");
}
