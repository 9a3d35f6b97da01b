//! The reference engine against candle-transformers' Marian, which shares none
//! of our code: one sentence at a time, as that one masks no padding.

use std::path::Path;

use candle_core::{DType, Device, IndexOp, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::marian::{Config as CandleConfig, MTModel};
use dolmetsch::batch::TokenBatch;
use dolmetsch::beam_search::Scorer;
use dolmetsch::checkpoint::Checkpoint;
use dolmetsch::marian::{AttentionHead, Config, GenerationConfig, Marian};

#[test]
fn logits_are_those_of_candle_transformers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parity/swish");
    let json = std::fs::read(folder.join("config.json")).unwrap();
    let config = Config::from_json(Path::new("config.json"), &json).unwrap();
    let weights = folder.join("model.safetensors");
    let ours = Marian::load(
        &Checkpoint::open(&weights).unwrap(),
        config,
        &GenerationConfig::default(),
        AttentionHead::default(),
        &Device::Cpu,
    )
    .unwrap();

    let mut fields: serde_json::Value = serde_json::from_slice(&json).unwrap();
    fields["forced_eos_token_id"] = fields["eos_token_id"].clone();
    let config: CandleConfig = serde_json::from_value(fields).unwrap();
    let bytes = std::fs::read(&weights).unwrap();
    let builder = VarBuilder::from_buffered_safetensors(bytes, DType::F32, &Device::Cpu).unwrap();
    let mut theirs = MTModel::new(&config, builder).unwrap();

    for source in [vec![5, 17, 40, 3, 8, 0], vec![42, 0], vec![1; 30]] {
        let target = [config.decoder_start_token_id, 9, 33, 2];
        let tokens = Tensor::new(&source[..], &Device::Cpu)
            .unwrap()
            .unsqueeze(0)
            .unwrap();
        theirs.reset_kv_cache();
        let encoded = theirs.encoder().forward(&tokens, 0).unwrap();
        let expected: Vec<Tensor> = (0..target.len())
            .map(|step| {
                let token = Tensor::new(&target[step..=step], &Device::Cpu).unwrap();
                theirs
                    .decode(&token.unsqueeze(0).unwrap(), &encoded, step)
                    .unwrap()
                    .i((0, 0))
                    .unwrap()
            })
            .collect();
        let mut state = ours.start(&TokenBatch::new(vec![source])).unwrap();
        for (token, expected) in target.into_iter().zip(expected) {
            let (logits, _) = ours.step_logits(&mut state, &[token]).unwrap();
            let expected: Vec<f32> = expected.to_vec1().unwrap();
            for (a, e) in logits
                .i(0)
                .unwrap()
                .to_vec1::<f32>()
                .unwrap()
                .iter()
                .zip(expected)
            {
                assert!((a - e).abs() < 1e-4, "{a} is not {e}");
            }
        }
    }
}
