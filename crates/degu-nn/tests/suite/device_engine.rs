//! The fused engine on a GPU against that of the CPU, at full size. (On a device made of the CPU,
//! smaller: the engine's own tests.)

use degu_nn::engine::device::{Device, DeviceEngine};
use degu_nn::engine::{AdamStep, DropoutSeed, Engine};

/// The networks of the comparison with PyTorch.
#[path = "../../../../benches/vs_torch/nets.rs"]
mod nets;

/// The GPU, or none with a line that says so.
fn gpu() -> Option<Device> {
    #[cfg(feature = "cuda")]
    {
        let place = super::common::device();
        if place.is_cuda() {
            let gpu = degu_nn::engine::device::on_cuda(&place).unwrap();
            println!("the fused engine runs on {}", gpu.driver().name());
            return Some(gpu);
        }
    }
    println!("skipped on CUDA: the fused engine is compared on a GPU, and there is none");
    None
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

/// Codes from a fixed stream.
fn codes(n: usize) -> Vec<u8> {
    let mut state = 0x5eed_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % 65) as u8
    };
    (0..n)
        .map(|_| next())
        .map(|c| if c == 64 { 4 } else { c % 4 })
        .collect()
}

/// Three steps from small random weights: the engine's own comparison, losses of both, and the same
/// bits again.
fn compare(name: &str, n: usize) {
    let net = nets::find(name).unwrap();
    let (graph, length) = (&(net.graph)(), net.length);
    let Some(gpu) = gpu() else { return };
    let codes = codes(n * length);
    let run = || {
        let mut engine = DeviceEngine::new(graph, length, n, &gpu).unwrap();
        let mut cpu = Engine::new(graph, length, n, 2).unwrap();
        for (k, spec) in engine.parameters().to_vec().iter().enumerate() {
            if spec.shape.len() > 1 {
                let scale = 1.5
                    / (spec.range.len() as f32 / spec.shape[spec.shape.len() - 1] as f32).sqrt();
                let value =
                    |i: usize| (((i * 7919 + k * 104_729) % 2001) as f32 / 1000.0 - 1.0) * scale;
                let values: Vec<f32> = (0..spec.range.len()).map(value).collect();
                engine.load(&spec.name, &values).unwrap();
                cpu.load(&spec.name, &values).unwrap();
            }
        }
        assert_eq!(engine.outputs_per_sequence(), net.outputs);
        engine.check(graph).unwrap();
        let mut seen = vec![];
        for step in 0..3 {
            let wanted = cpu
                .forward_train(&codes, n, DropoutSeed(step))
                .unwrap()
                .to_vec();
            engine.forward_train(&codes, n, DropoutSeed(step)).unwrap();
            let got = engine.outputs().unwrap();
            let top = wanted.iter().fold(0f32, |m, v| m.max(v.abs()));
            let worst = got
                .iter()
                .zip(&wanted)
                .fold(0f32, |m, (a, b)| m.max((a - b).abs()));
            assert!(
                worst <= 1e-3 * top,
                "step {step}: outputs differ by {:.1e}",
                worst / top
            );
            let d: Vec<f32> = wanted
                .iter()
                .map(|o| 2.0 * (o - 0.3) / wanted.len() as f32)
                .collect();
            cpu.backward(&d).unwrap();
            engine.backward(&d).unwrap();
            cpu.adam(&AdamStep {
                eps: 1e-4,
                ..AdamStep::default()
            });
            engine
                .adam(
                    &AdamStep {
                        eps: 1e-4,
                        ..AdamStep::default()
                    },
                    None,
                )
                .unwrap();
            seen.extend(bits(&got));
        }
        seen.extend(bits(&engine.values().unwrap()));
        seen
    };
    assert!(run() == run(), "other bits in the second run");
}

#[test]
fn deepstarr_on_the_gpu() {
    compare("deepstarr", 128);
}

#[test]
fn residualbind_on_the_gpu() {
    compare("residualbind5", 32);
}

#[test]
fn bpnet_on_the_gpu() {
    compare("bpnet", 8);
}
